import type { QueueService } from '../src/contract/index.ts'
import { MemoryDoorbell, memoryPorts, MemoryTables } from '../src/memory/index.ts'
import type { OpenEngine } from '../src/testing/index.ts'

/** As much of a queue service as workflows need, over one doorbell that all processes share. */
function memoryQueue(doorbell: MemoryDoorbell): QueueService {
  const notOffered = (): Promise<never> => Promise.reject(new Error('this queue carries workflows only'))
  return {
    doorbell: () => doorbell,
    add: notOffered,
    getJob: notOffered,
    consume: notOffered,
    init: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

export function openMemory(mode: OpenEngine['mode']): Promise<OpenEngine> {
  const tables = new MemoryTables()
  const doorbell = new MemoryDoorbell()
  return Promise.resolve({
    mode,
    process: () => {
      const ports = memoryPorts(tables)
      const close = (): Promise<void> => ports.store.close()
      const queue = mode === 'remote' ? { queueService: memoryQueue(doorbell) } : {}
      return Promise.resolve({ ports, ...queue, close, vanish: close })
    },
    dispose: () => Promise.resolve(),
  })
}
