import { existsSync } from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')

/** One of the things that take too long for `npm test`. */
export interface SlowPart {
  readonly name: string
  /** What it shows, for the page. */
  readonly shows: string
  /** What it may take. Started with a box of its own, it is ended when that is over, and counts as failed. */
  readonly minutes: number
  /** What is to be there: a file of this repository. */
  readonly needs: string
  /** What it is asked to do when it has so many minutes. Arguments of Node. */
  readonly run: (minutes: number) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What of its output goes onto the page. */
  readonly figures: (output: string) => readonly string[]
}

const vitest = ['tooling/node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=2']
const ofVitest = /^ *(Test Files|Tests|Duration) /

function matching(...patterns: readonly RegExp[]): SlowPart['figures'] {
  return (output) => output.split('\n').filter((line) => patterns.some((pattern) => pattern.test(line)))
}

/** In the order in which they run. */
export const slowParts: readonly SlowPart[] = [
  {
    name: 'crash-points',
    shows:
      'Every scenario of the crash points, with a death before and after every call of every port, on PostgreSQL with pg-boss, on Redis with BullMQ, and on each store without a queue.',
    minutes: 40,
    needs: 'packages/core/src/testing/engine/crash-points.ts',
    run: () => [
      ...vitest,
      ...['packages/queue-pg-boss/test/engine.test.ts', 'packages/queue-bullmq/test/engine-redis.test.ts'],
      ...['packages/pg/test/engine-inline.test.ts', 'packages/redis/test/engine-inline.test.ts'],
      ...['-t', 'crash points'],
    ],
    env: { LANE: 'slow' },
    figures: matching(/^crash points, /, ofVitest),
  },
  {
    name: 'mixed-pairs',
    shows:
      'The whole engine suite on PostgreSQL with BullMQ, on Redis with pg-boss and on a Redis Cluster with BullMQ, with every tenth crash point; `npm test` plays what depends on both at once.',
    minutes: 60,
    needs: 'packages/core/src/testing/engine/engine-suite.ts',
    run: () => [
      ...vitest,
      ...['packages/queue-bullmq/test/engine-pg.test.ts', 'packages/queue-pg-boss/test/engine-redis.test.ts'],
      'packages/queue-bullmq/test/engine-cluster.test.ts',
    ],
    env: { LANE: 'slow' },
    figures: matching(/^crash points, /, ofVitest),
  },
]

/** Whether it has been made yet. */
export function isThere(part: SlowPart): boolean {
  return existsSync(path.join(root, part.needs))
}
