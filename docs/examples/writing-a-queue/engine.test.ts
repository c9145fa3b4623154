import type { StorePorts } from '@pikku/core/contract'
import { defineEngineTests, memoryPorts, MemoryTables } from '@pikku/core/testing'
import type { OpenEngine } from '@pikku/core/testing'
import { describe, test } from 'vitest'
import { openStore } from '../writing-a-store/harness.ts'
import { openQueues } from './harness.ts'

interface Stores {
  /** For one process. */
  open(): Promise<StorePorts>
  dispose(): Promise<void>
}

/** Processes with connections of their own to the queues. */
async function openPair(stores: Stores): Promise<OpenEngine> {
  const queues = await openQueues()
  return {
    mode: 'remote',
    process: async () => {
      const [ports, queueService] = [await stores.open(), await queues.process()]
      return {
        ports,
        queueService,
        close: async () => void (await Promise.all([ports.store.close(), queueService.close()])),
        vanish: async () => void (await Promise.all([ports.store.close(), queues.vanish?.(queueService)])),
      }
    },
    dispose: async () => void (await Promise.all([queues.dispose(), stores.dispose()])),
  }
}

function inMemory(): Stores {
  const tables = new MemoryTables()
  return { open: async () => memoryPorts(tables), dispose: async () => undefined }
}

async function inFile(): Promise<Stores> {
  const { sibling, dispose } = await openStore()
  return { open: sibling, dispose }
}

// The crash points take minutes: they are played with LANE=slow.
const isLong = process.env['LANE'] === 'slow'
const suite = { runner: { describe, test }, everyCrashPoint: isLong ? 1 : 0 }

defineEngineTests({ name: 'memory and SQLite queue', ...suite, open: () => openPair(inMemory()) })
if (isLong) defineEngineTests({ name: 'SQLite and SQLite queue', ...suite, open: async () => openPair(await inFile()) })
