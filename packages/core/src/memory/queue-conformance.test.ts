import { describe, test } from 'vitest'
import { defineQueueServiceTests, type OpenQueues } from '../testing/index.ts'
import { differences, name } from '../../test/differences.ts'
import { MemoryQueues, MemoryQueueService } from './index.ts'

function openMemory(): Promise<OpenQueues> {
  const queues = new MemoryQueues()
  const made = new Set<MemoryQueueService>()
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
}

defineQueueServiceTests({
  name,
  runner: { describe, test },
  open: openMemory,
  differences,
})
