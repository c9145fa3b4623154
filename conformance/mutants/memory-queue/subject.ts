import { defineQueueServiceTests } from '@pikku/core/testing'
import type * as testing from '@pikku/core/testing'
import type { Subject } from '../mutant.ts'
import { mutants } from './mutants.ts'

const folder = 'packages/core/src/memory'
const queueFolder = 'packages/core/src/queue'

export const memoryQueue: Subject = {
  name: 'memory queue',
  source: 'packages/core/src',
  copied: [folder, queueFolder],
  mutants,
  atATime: 8,
  patienceMs: 10_000,
  define: async (copy, runner) => {
    const { MemoryQueues, MemoryQueueService } = await copy.load<
      Pick<typeof testing, 'MemoryQueues' | 'MemoryQueueService'>
    >(`${folder}/index.ts`)
    defineQueueServiceTests({
      name: 'mutant',
      runner,
      open: () => {
        const queues = new MemoryQueues()
        const made = new Set<InstanceType<typeof MemoryQueueService>>()
        return Promise.resolve({
          process: () => {
            const service = new MemoryQueueService(queues)
            made.add(service)
            return Promise.resolve(service)
          },
          vanish: (service) => {
            for (const one of made) if (one === service) one.vanish()
            return Promise.resolve()
          },
          dispose: () => Promise.resolve(),
        })
      },
    })
  },
}
