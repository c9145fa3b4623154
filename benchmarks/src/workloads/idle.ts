import { setTimeout as delay } from 'node:timers/promises'
import { findPgBouncer, startPgBouncer } from '@pikku/tooling/pgbouncer'
import type { Figures } from '../results.ts'
import type { Size } from '../sizes.ts'
import type { Turn } from '../stage.ts'
import { isOurs, type Workload } from '../workload.ts'

/** After the start, which has its own statements. */
const settleMs = 2_000

/** What a worker without work sends to its server. */
async function idleCost({ stage, system, database }: Turn, { idleMs }: Size): Promise<Figures> {
  await delay(settleMs)
  const wait = () => delay(idleMs)
  const count =
    system.store === 'pg' ? await stage.pg.statementsDuring(database, wait) : await stage.redis.commandsDuring(wait)
  return { statementsPerSecond: (count * 1000) / idleMs }
}

const row = { figure: 'statementsPerSecond', unit: 'per second', better: 'less' } as const

export const idle: Workload = {
  group: 'idle',
  rows: [
    {
      ...row,
      name: 'idle',
      title: 'an idle worker: statements (commands)',
      targets: { pg: { limit: 1 }, redis: { limit: 1 } },
    },
  ],
  takes: ({ name }) => name !== 'floor' && name !== 'restate',
  repetitions: ({ waitingRepetitions }) => waitingRepetitions,
  measure: async (turn, size) => {
    await turn.start('worker')
    return { idle: [await idleCost(turn, size)] }
  },
}

export const idleBehindPooler: Workload = {
  group: 'idle',
  rows: [{ ...row, name: 'idle-pgbouncer', title: 'the same behind PgBouncer in transaction mode, without LISTEN' }],
  takes: (system) => isOurs(system) && system.store === 'pg' && findPgBouncer() !== null,
  repetitions: ({ waitingRepetitions }) => waitingRepetitions,
  measure: async (turn, size) => {
    // The schema is made by a process that may do anything.
    await (await turn.start('client')).stop()
    const bouncer = await startPgBouncer(turn.place.url)
    try {
      await turn.start('worker', bouncer.url)
      const figures = await idleCost(turn, size)
      await turn.end()
      return { 'idle-pgbouncer': [figures] }
    } finally {
      await bouncer.stop()
    }
  },
}
