import { describe, test } from 'vitest'
import { defineModelTests, defineWorkflowStoreTests, TestClock } from '../testing/index.ts'
import type { OpenStore } from '../testing/index.ts'
import { memoryPorts, MemoryTables } from './index.ts'

function openMemory(): Promise<OpenStore> {
  const clock = new TestClock()
  const tables = new MemoryTables(clock)
  return Promise.resolve({
    ports: memoryPorts(tables),
    sibling: () => Promise.resolve(memoryPorts(tables)),
    advance: (ms) => clock.advance(ms),
    vanish: (owner) => Promise.resolve(tables.disconnect(owner)),
    lockRun: (runId) => {
      const release = tables.lockRun(runId)
      return Promise.resolve(() => Promise.resolve(release()))
    },
    dispose: () => Promise.resolve(),
  })
}

const harness = { name: 'memory', runner: { describe, test }, open: openMemory }

defineWorkflowStoreTests(harness)
defineModelTests(harness)
