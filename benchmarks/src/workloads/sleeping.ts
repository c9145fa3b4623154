import { setTimeout as delay } from 'node:timers/promises'
import type { Player } from '../player.ts'
import type { Figures } from '../results.ts'
import type { Size } from '../sizes.ts'
import type { Turn } from '../stage.ts'
import { isOurs, type Workload } from '../workload.ts'
import { added } from './aged.ts'
import { latencyOf } from './latency.ts'

const aDay = 24 * 60 * 60 * 1000
/** For all of them to have been taken up and parked. */
const limitMs = 10 * 60_000

async function asleep({ stage, system, database }: Turn): Promise<number> {
  if (system.store === 'pg') {
    const [found] = await stage.pg.run(
      database,
      `select count(*) as n from workflows.workflow_step s join workflows.workflow_runs r using (run_id)
       where s.kind = 'sleep' and s.status = 'scheduled' and not r.leased`,
    )
    return Number(found?.['n'])
  }
  const lanes = await stage.redis.client.keys('*:due:runs:doze')
  const counts = await Promise.all(lanes.map((lane) => stage.redis.client.zcard(lane)))
  return counts.reduce((sum, count) => sum + count, 0)
}

async function untilAsleep(turn: Turn, wanted: number): Promise<void> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const found = await asleep(turn)
    if (found >= wanted) return
    if (Date.now() > deadline) throw new Error(`${found} of ${wanted} runs were asleep after ten minutes`)
    await delay(500)
  }
}

/** Not all at once: what would be measured afterwards is how long a queue with all of their messages takes to be empty. */
async function putToSleep(turn: Turn, client: Player, wanted: number): Promise<void> {
  for (let started = 0; started < wanted;) {
    const times = Math.min(5_000, wanted - started)
    await client.play({ work: 'doze', input: { ms: aDay }, times, atOnce: 200, startOnly: true })
    started += times
    await untilAsleep(turn, started)
  }
}

export const sleeping: Workload = {
  group: 'sleeping',
  rows: [
    {
      name: 'sleeping',
      title: 'many sleeping runs: added latency of others',
      figure: 'addedPercent',
      unit: '%',
      better: 'less',
      targets: { pg: { limit: 10 }, redis: { limit: 10 } },
    },
    {
      name: 'sleeping-memory',
      title: 'the same: memory in the worker that took them up',
      figure: 'megabytes',
      unit: 'MB',
      better: 'less',
      targets: { pg: { limit: 20 }, redis: { limit: 20 } },
    },
  ],
  takes: isOurs,
  repetitions: () => 1,
  measure: async (turn, size: Size) => {
    const worker = await turn.start('worker')
    const client = await turn.start('client')
    const latencies = async (): Promise<readonly number[]> => {
      const found: number[] = []
      for (let i = 0; i < size.repetitions; i++) found.push((await latencyOf(client, size)).p50Ms ?? NaN)
      return found
    }
    await latencyOf(client, size)
    const before = await latencies()
    const heapBefore = (await worker.usage()).heapBytes
    await putToSleep(turn, client, size.sleeping)
    const heapAfter = (await worker.usage()).heapBytes
    await latencyOf(client, size)
    const after = await latencies()
    const compared = before.map((ms, i): Figures => ({ addedPercent: added(ms, after[i] ?? NaN) }))
    const megabytes = (heapAfter - heapBefore) / 1024 ** 2
    return { sleeping: compared, 'sleeping-memory': [{ megabytes }] }
  },
}
