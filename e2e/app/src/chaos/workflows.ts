import { existsSync, appendFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pikkuWorkflowFunc, wireWorkflow } from '../workflows/pikku.workflows.gen.js'
import { enter } from './effects.js'

/** An inline step that says that it was entered. */
function inline<T>(runId: string, step: string, result: () => T): () => T {
  return () => {
    enter({ kind: 'inline', runId, step, attempt: 0 })
    return result()
  }
}

/** RPC and inline steps by turns; between two of them the body awaits something that is no step. */
export const sequence = pikkuWorkflowFunc<{ length: number; ms: number; betweenMs: number }, number>(
  async ({ workflow }, { length, ms, betweenMs }) => {
    let sum = 0
    for (let n = 1; n <= length; n++) {
      sum += await workflow.do('add', 'chaosAdd', { n, ms })
      if (betweenMs > 0) await delay(betweenMs)
      sum += await workflow.do(
        'count',
        inline(workflow.runId, 'count', () => 1),
      )
    }
    return sum
  },
)
wireWorkflow({ name: 'chaos-sequence', func: sequence })

export const fanOut = pikkuWorkflowFunc<{ width: number; ms: number }, number>(async ({ workflow }, { width, ms }) => {
  const numbers = Array.from({ length: width }, (_, index) => index + 1)
  const parts = await Promise.all([
    ...numbers.map((n) => workflow.do('part', 'chaosAdd', { n, ms: ms * (n % 3) })),
    ...numbers.map((n) =>
      workflow.do(
        `part ${n} here`,
        inline(workflow.runId, `part ${n} here`, () => n),
      ),
    ),
  ])
  return parts.reduce((sum, part) => sum + part, 0)
})
wireWorkflow({ name: 'chaos-fan-out', func: fanOut })

/** Answers who was first. The others end all the same. */
export const race = pikkuWorkflowFunc<{ hareMs: number; tortoiseMs: number; limitMs: number }, string>(
  async ({ workflow }, { hareMs, tortoiseMs, limitMs }) =>
    Promise.race([
      workflow.do('hare', 'chaosAdd', { n: 1, ms: hareMs }).then(() => 'hare'),
      workflow.do('tortoise', 'chaosAdd', { n: 2, ms: tortoiseMs }).then(() => 'tortoise'),
      workflow.sleep('limit', limitMs).then(() => 'limit'),
    ]),
)
wireWorkflow({ name: 'chaos-race', func: race })

export const recover = pikkuWorkflowFunc<{ failures: number }, string[]>(async ({ workflow }, { failures }) => {
  const { runId } = workflow
  const again = { retries: failures, retryDelay: '200ms' } as const
  const there = await workflow.do('flaky', 'chaosFlaky', { failures }, again)
  const here = await workflow.do(
    'flaky here',
    inline(runId, 'flaky here', () => failFirst(runId, failures)),
    again,
  )
  return [there, here]
})
wireWorkflow({ name: 'chaos-recover', func: recover })

/** An inline step is not told its attempt, so what it did before is kept beside the ledger. */
function failFirst(runId: string, failures: number): string {
  const marks = path.join(process.env['LEDGER'] ?? '', 'marks', runId)
  const before = existsSync(marks) ? readFileSync(marks).length : 0
  if (before >= failures) return 'recovered'
  appendFileSync(marks, '.')
  throw new Error(`attempt ${before + 1} fails`)
}

export const exhaust = pikkuWorkflowFunc<{ where: 'there' | 'here' }, string>(async ({ workflow }, { where }) => {
  const again = { retries: 2, retryDelay: '100ms' } as const
  if (where === 'there') return workflow.do('never', 'chaosNever', { code: 'NEVER' }, again)
  const never = (): string => {
    throw Object.assign(new Error('it never works'), { code: 'NEVER' })
  }
  return workflow.do('never', inline(workflow.runId, 'never', never), again)
})
wireWorkflow({ name: 'chaos-exhaust', func: exhaust })

export const nap = pikkuWorkflowFunc<{ napMs: number }, number>(async ({ workflow }, { napMs }) => {
  const before = await workflow.do('before', 'chaosAdd', { n: 1, ms: 0 })
  await workflow.sleep('nap', napMs)
  return before + (await workflow.do('after', 'chaosAdd', { n: 2, ms: 0 }))
})
wireWorkflow({ name: 'chaos-nap', func: nap })

export const long = pikkuWorkflowFunc<{ ms: number }, number>(async ({ workflow }, { ms }) => {
  const there = await workflow.do('long', 'chaosAdd', { n: 1, ms })
  const here = await workflow.do('long here', async () => {
    enter({ kind: 'inline', runId: workflow.runId, step: 'long here', attempt: 0 })
    await delay(ms)
    return 2
  })
  return there + here
})
wireWorkflow({ name: 'chaos-long', func: long })

export const compute = pikkuWorkflowFunc<{ ms: number; blockMs: number }, number>(
  async ({ workflow }, { ms, blockMs }) => {
    const computed = await workflow.do('compute', 'chaosCompute', { ms })
    return computed + (await workflow.do('block', 'chaosBlock', { ms: blockMs }))
  },
)
wireWorkflow({ name: 'chaos-compute', func: compute })

/** Kills whoever executes it. */
export const poison = pikkuWorkflowFunc<{ where: 'there' | 'here' }, void>(async ({ workflow }, { where }) => {
  await workflow.do('before', 'chaosAdd', { n: 1, ms: 0 })
  if (where === 'there') return workflow.do('poison', 'chaosPoison')
  await workflow.do(
    'poison',
    inline(workflow.runId, 'poison', () => {
      process.kill(process.pid, 'SIGKILL')
    }),
  )
})
wireWorkflow({ name: 'chaos-poison', func: poison })

/** Goes on until it is cancelled. */
export const endless = pikkuWorkflowFunc<void, void>(async ({ workflow }) => {
  await Promise.all([workflow.sleep('for ever', '1w'), rounds()])

  async function rounds(): Promise<void> {
    for (let n = 0; n < 1_000; n++) {
      await workflow.do('round', 'chaosAdd', { n, ms: 300 })
      await workflow.sleep('rest', '500ms')
    }
  }
})
wireWorkflow({ name: 'chaos-endless', func: endless })

/** The other version of the app asks for one more step. */
export const deployed = pikkuWorkflowFunc<{ napMs: number }, number[]>(async ({ workflow }, { napMs }) => {
  const seen = [await workflow.do('first', 'chaosVersion')]
  await workflow.sleep('nap', napMs)
  seen.push(await workflow.do('last', 'chaosVersion'))
  await workflow.sleep('another nap', napMs)
  // version 2: seen.push(await workflow.do('added', 'chaosVersion'))
  return seen
})
wireWorkflow({ name: 'chaos-deployed', func: deployed })
