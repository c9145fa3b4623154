import { randomBytes } from 'node:crypto'
import type { StorePorts } from '@pikku/core/contract'
import type { OpenEngine } from '@pikku/core/testing'
import { PgBossQueueService } from '../src/index.ts'

export const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error }

/** Where a world's state is: a store of its own for every process, and the removal of what they left. */
export interface WorldStores {
  open(): StorePorts
  remove(): Promise<unknown>
}

/** State under a name of its own and two queues; each process has its own connections to both. */
export async function openBossWorld(url: string, stores: (name: string) => WorldStores): Promise<OpenEngine> {
  const name = `world_${randomBytes(6).toString('hex')}`
  const { open, remove } = stores(name)
  const closing = new Set<() => Promise<unknown>>()
  const opened = (): StorePorts => {
    const ports = open()
    closing.add(() => ports.store.close())
    return ports
  }
  await opened().admin.migrate()
  return {
    mode: 'remote',
    queues: { orchestrator: `${name}_turns`, worker: `${name}_steps` },
    process: () => {
      const ports = opened()
      const queueService = new PgBossQueueService(url, { logger: quiet })
      closing.add(() => queueService.close())
      const close = async (): Promise<void> => {
        await Promise.all([ports.store.close(), queueService.close()])
      }
      // To the server the end of its connections is all there is to see of a death.
      return Promise.resolve({ ports, queueService, close, vanish: close })
    },
    dispose: async () => {
      await Promise.all([...closing].map((close) => close()))
      await remove()
    },
  }
}
