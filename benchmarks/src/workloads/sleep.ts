import { percentile } from '../statistics.ts'
import type { Workload } from '../workload.ts'

/** How much later than asked for the body goes on: from its clock before the sleep to its clock after it, steps included. */
export const sleep: Workload = {
  group: 'sleep',
  rows: [
    {
      name: 'sleep',
      title: 'wake after a sleep: lateness, p99',
      figure: 'p99Ms',
      unit: 'ms',
      better: 'less',
      targets: { pg: { limit: 100 }, redis: { limit: 50 } },
    },
  ],
  takes: () => true,
  measure: async (turn, { sleepers, sleepMs }) => {
    const client = await turn.startPair()
    const nap = (times: number, ms: number) =>
      client.play({ work: 'nap', input: { ms }, times, atOnce: turn.atOnce(times) })
    await nap(Math.min(sleepers, 10), 10)
    const { ends } = await nap(sleepers, sleepMs)
    const late = ends.map(({ output }) => Number(output))
    return { sleep: [{ p50Ms: percentile(late, 0.5), p99Ms: percentile(late, 0.99) }] }
  },
}
