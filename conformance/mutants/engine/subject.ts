import type * as testing from '@pikku/core/testing'
import type { OpenEngine } from '@pikku/core/testing'
import type { Subject } from '../mutant.ts'
import { mutants } from './mutants.ts'

interface Worlds {
  openMemory(mode: OpenEngine['mode']): Promise<OpenEngine>
}

/** The engine over memory. The kit runs it from its own package, so that it is copied with it. */
export const engine: Subject = {
  name: 'engine',
  source: 'packages/core/src',
  copied: ['packages/core/src', 'packages/core/test'],
  mutants,
  slow: true,
  atATime: 6,
  patienceMs: 20_000,
  define: async (copy, runner) => {
    const { defineEngineTests } = await copy.load<Pick<typeof testing, 'defineEngineTests'>>(
      'packages/core/src/testing/index.ts',
    )
    const { openMemory } = await copy.load<Worlds>('packages/core/test/memory-world.ts')
    defineEngineTests({ name: 'mutant', runner, open: () => openMemory('remote') })
  },
}
