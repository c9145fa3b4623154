import { defineEngineTests, MemoryQueues, MemoryQueueService } from '@pikku/core/testing'
import type { OpenEngine } from '@pikku/core/testing'
import { describe, test } from 'vitest'
import { openStore } from './harness.ts'

/** Processes with a connection each, which share the file and a queue in memory. */
async function open(): Promise<OpenEngine> {
  const { sibling, dispose } = await openStore()
  const queues = new MemoryQueues()
  return {
    mode: 'remote',
    process: async () => {
      const ports = await sibling()
      const close = (): Promise<void> => ports.store.close()
      // To a file the end of a connection is all there is to see of a death.
      return { ports, queueService: new MemoryQueueService(queues), close, vanish: close }
    },
    dispose,
  }
}

// The crash points take minutes: they are played with LANE=slow.
const everyCrashPoint = process.env['LANE'] === 'slow' ? 1 : 0
defineEngineTests({ name: 'SQLite and the memory queue', runner: { describe, test }, open, everyCrashPoint })
