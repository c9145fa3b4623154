/** What an app of the template can keep its runs in. */
export type StoreName = 'pg' | 'redis'

export interface StoreChoice {
  readonly title: string
  /** What the template imports for this store alone. */
  readonly packages: readonly string[]
  /** How the app is told where its server is. */
  readonly setting: string
}

export const stores: Readonly<Record<StoreName, StoreChoice>> = {
  pg: {
    title: 'PostgreSQL',
    packages: ['@pikku/pg', '@pikku/queue-pg-boss', 'postgres'],
    setting: 'DATABASE_URL=postgres://user:password@localhost:5432/myapp',
  },
  redis: {
    title: 'Redis',
    packages: ['@pikku/redis', '@pikku/queue-bullmq', 'ioredis'],
    setting: 'REDIS_URL=redis://localhost:6379',
  },
}

export const storeNames: readonly StoreName[] = ['pg', 'redis']
export const isStoreName = (name: string): name is StoreName => storeNames.some((store) => store === name)
