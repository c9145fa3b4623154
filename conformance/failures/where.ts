import { readFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')

/**
 * What something can occur on. `core`: in code that is the same whatever store and queue there are. `inline`: without a
 * queue, on any store.
 */
export const places = ['core', 'memory', 'pg', 'redis', 'pg-boss', 'bullmq', 'inline'] as const
export type Place = (typeof places)[number]

/** What stands in the column for all stores, queues and modes. */
export const everywhere: readonly Place[] = ['memory', 'pg', 'redis', 'pg-boss', 'bullmq', 'inline']

/** A folder of tests that run wherever somebody calls their suite. */
export interface Suite {
  readonly folder: string
  readonly call: string
  /** By place, the files that call it there. */
  readonly callers: Readonly<Partial<Record<Place, readonly string[]>>>
}

export const suites: readonly Suite[] = [
  {
    folder: 'packages/core/src/testing/store/',
    call: 'defineWorkflowStoreTests',
    callers: {
      memory: ['packages/core/src/memory/conformance.test.ts'],
      pg: ['packages/pg/test/conformance.test.ts'],
      redis: ['packages/redis/test/conformance.test.ts'],
    },
  },
  {
    folder: 'packages/core/src/testing/engine/',
    call: 'defineEngineTests',
    callers: {
      memory: ['packages/core/test/engine-memory.test.ts'],
      pg: ['packages/queue-pg-boss/test/engine.test.ts'],
      'pg-boss': ['packages/queue-pg-boss/test/engine.test.ts'],
      redis: ['packages/queue-bullmq/test/engine-redis.test.ts'],
      bullmq: ['packages/queue-bullmq/test/engine-redis.test.ts'],
      inline: [
        'packages/core/test/engine-memory.test.ts',
        'packages/pg/test/engine-inline.test.ts',
        'packages/redis/test/engine-inline.test.ts',
      ],
    },
  },
  {
    folder: 'packages/core/src/testing/queue/',
    call: 'defineQueueServiceTests',
    callers: {
      memory: ['packages/core/src/memory/queue-conformance.test.ts'],
      'pg-boss': ['packages/queue-pg-boss/test/conformance.test.ts'],
      bullmq: ['packages/queue-bullmq/test/conformance.test.ts'],
    },
  },
]

const bothPairs: readonly Place[] = ['pg', 'redis', 'pg-boss', 'bullmq']

/** Where the tests of a file run that stand there themselves. The first that fits. */
const folders: readonly (readonly [string, readonly Place[]])[] = [
  ['packages/core/src/memory/', ['memory']],
  ['packages/core/', ['core']],
  ['packages/cli/', ['core']],
  ['packages/pg/', ['pg']],
  ['packages/redis/', ['redis']],
  ['packages/queue-pg-boss/', ['pg-boss']],
  ['packages/queue-bullmq/', ['bullmq']],
  ['conformance/document/', [...bothPairs, 'inline']],
  ['conformance/failures/', bothPairs],
  ['conformance/messages/', bothPairs],
  ['e2e/', bothPairs],
]

/** Where a test runs. Empty for a folder that is not known here. */
export function placesOf(file: string, title: string): readonly Place[] {
  const suite = suites.find(({ folder }) => file.startsWith(folder))
  if (!suite) return folders.find(([folder]) => file.startsWith(folder))?.[1] ?? []
  const text = readFileSync(path.join(root, file), 'utf8').replaceAll("\\'", "'")
  const callers = Object.entries(suite.callers) as [Place, readonly string[]][]
  return callers
    .filter(([place, files]) => !leavesOut(place, text, title) && !files.some((caller) => skips(caller, title)))
    .map(([place]) => place)
}

/** Stores that let a test hold a row as a foreign transaction does. */
const lockRows: readonly Place[] = ['memory', 'pg']

/** Whether a test ends at once on this place. */
function leavesOut(place: Place, text: string, title: string): boolean {
  const body = text.slice(text.indexOf(title)).split(/\n {4}['"`]/, 1)[0] ?? ''
  if (place === 'inline') return /if \(world\.mode === 'inline'\) return/.test(body)
  return /world\.lockRun\(/.test(body) && !lockRows.includes(place)
}

/** Whether a caller names it as one that it does not pass. */
function skips(caller: string, title: string): boolean {
  return /\bskip:/.test(callerText(caller)) && callerText(caller).includes(title)
}

export function callerText(caller: string): string {
  return readFileSync(path.join(root, caller), 'utf8')
}
