import { randomUUID } from 'node:crypto'
import { defineWorkflowStoreTests } from '@pikku/core/testing'
import type { OpenStore } from '@pikku/core/testing'
import { migrationPlan } from '@pikku/pg'
import postgres from 'postgres'
import type { StoreMutants, Subject } from '../mutant.ts'
import { outsideMutants } from './outside.ts'
import { readerMutants } from './readers.ts'
import { runMutants } from './runs.ts'
import { stepMutants } from './steps.ts'

interface PgHarness {
  openPg(how: { schema: string }): Promise<OpenStore>
}

const mutants: StoreMutants = { ...runMutants, ...stepMutants, ...outsideMutants, ...readerMutants }

export const pgStore: Subject = {
  name: 'PostgreSQL store',
  source: 'packages/pg/src',
  copied: ['packages/pg'],
  // Copies live in this thread: none of them would be what a thread of its own loads.
  always: {
    'renewal.ts': { 'startThread(this.#db, (error) => this.#goOnWithout(error)) ?? mainSession': 'mainSession' },
  },
  mutants,
  atATime: 4,
  define: async (copy, runner) => {
    const { openPg } = await copy.load<PgHarness>('packages/pg/test/pg-harness.ts')
    const open = async (): Promise<OpenStore> => {
      const schema = free.pop() ?? (await madeSchema())
      const opened = await openPg({ schema })
      const dispose = async (): Promise<void> => {
        await opened.dispose()
        free.push(schema)
      }
      return { ...opened, dispose }
    }
    defineWorkflowStoreTests({ name: 'mutant', runner, open })
  },
  end: () => Promise.all(schemas.map((schema) => onServer(`drop schema if exists ${schema} cascade`))),
}

/** To make a schema takes longer than most cases: they are kept, and given back empty. */
const schemas: string[] = []
const free: string[] = []

async function madeSchema(): Promise<string> {
  const schema = `mutants_${randomUUID().slice(0, 8)}`
  schemas.push(schema)
  await onServer(migrationPlan(schema))
  return schema
}

async function onServer(script: string): Promise<void> {
  const sql = postgres(process.env['DATABASE_URL'] ?? '', { max: 1, onnotice: () => undefined })
  await sql.unsafe(script)
  await sql.end()
}
