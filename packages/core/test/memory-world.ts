import { memoryPorts, MemoryQueues, MemoryQueueService, MemoryTables } from '../src/memory/index.ts'
import type { OpenEngine } from '../src/testing/index.ts'

export function openMemory(mode: OpenEngine['mode']): Promise<OpenEngine> {
  const tables = new MemoryTables()
  const queues = new MemoryQueues()
  return Promise.resolve({
    mode,
    process: () => {
      const ports = memoryPorts(tables)
      const close = (): Promise<void> => ports.store.close()
      const queue = mode === 'remote' ? { queueService: new MemoryQueueService(queues) } : {}
      return Promise.resolve({ ports, ...queue, close, vanish: close })
    },
    dispose: () => Promise.resolve(),
  })
}
