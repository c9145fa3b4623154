import { defineWorkflow, type RecordedHistory } from '@pikku/core'
import { replayHistory } from '@pikku/core/testing'
import type { Workload } from '../workload.ts'

const body = defineWorkflow(
  async (
    { workflow }: { workflow: { do(name: string, fn: () => { i: number }): Promise<{ i: number }> } },
    n: number,
  ) => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += (await workflow.do(`s${i}`, () => ({ i }))).i
    return sum
  },
)

/** As a run of so many inline steps would have recorded it. */
function historyOf(steps: number): RecordedHistory {
  const now = Date.now()
  return {
    format: 1,
    runId: 'replayed',
    workflow: 'replayed',
    status: 'running',
    input: `[${steps}]`,
    output: null,
    error: null,
    reason: null,
    createdAt: now,
    steps: Array.from({ length: steps }, (_, i) => ({
      name: `s${i}`,
      ordinal: 0,
      kind: 'inline' as const,
      status: 'succeeded' as const,
      rpcName: null,
      inputDigest: null,
      output: '[{"i":1,"ok":2},7,true]',
      error: null,
      reason: null,
      attempt: 1,
      lost: 0,
      askedAfter: i,
      settledSeq: i + 1,
      settledAt: now,
    })),
  }
}

async function replayed(steps: number): Promise<number> {
  const history = historyOf(steps)
  const start = performance.now()
  const { ok, divergence } = await replayHistory(body, history)
  if (!ok) throw new Error(divergence ?? 'the history did not fit')
  return performance.now() - start
}

/** The body is given its results one by one, each after one turn of the event loop: no replay is faster than that. */
async function turnsOfTheLoop(steps: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < steps; i++) await new Promise((resolve) => setImmediate(resolve))
  return performance.now() - start
}

export const replay: Workload = {
  group: 'replay',
  rows: [
    {
      name: 'replay',
      title: 'replay of a recorded history, in this process',
      figure: 'msPerStep',
      unit: 'µs/step',
      scale: 1000,
      better: 'less',
      targets: { pg: { limit: 5 }, redis: { limit: 5 } },
    },
  ],
  takes: ({ name }) => name === 'pikku' || name === 'floor',
  measure: async ({ system }, { replay: steps, warmMs }) => {
    const one = system.name === 'floor' ? turnsOfTheLoop : replayed
    for (let warm = 0; warm < warmMs;) warm += await one(steps)
    return { replay: [{ msPerStep: (await one(steps)) / steps }] }
  },
}
