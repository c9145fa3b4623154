import { TestClock } from '@pikku/core/testing'
import type * as testing from '@pikku/core/testing'
import { defineWorkflowStoreTests } from '@pikku/core/testing'
import type { Subject } from '../mutant.ts'
import { outsideMutants } from './outside.ts'
import { readerMutants } from './readers.ts'
import { runMutants } from './runs.ts'
import { stepMutants } from './steps.ts'
import type { StoreMutants } from '../mutant.ts'

const mutants: StoreMutants = { ...runMutants, ...stepMutants, ...outsideMutants, ...readerMutants }

const folder = 'packages/core/src/memory'

export const memoryStore: Subject = {
  name: 'memory store',
  source: folder,
  copied: [folder],
  mutants,
  atATime: 4,
  define: async (copy, runner) => {
    const { memoryPorts, MemoryTables } = await copy.load<Pick<typeof testing, 'memoryPorts' | 'MemoryTables'>>(
      `${folder}/index.ts`,
    )
    defineWorkflowStoreTests({
      name: 'mutant',
      runner,
      open: () => {
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
      },
    })
  },
}
