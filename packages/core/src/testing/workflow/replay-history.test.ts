import { describe, expect, test } from 'vitest'
import { defineWorkflow, type WorkflowContext, type WorkflowWire } from '../../define/index.ts'
import { replayHistory, testWorkflow } from './index.ts'

interface Rpcs {
  readonly charge: { readonly input: { amount: number }; readonly output: { receipt: string } }
  readonly notify: { readonly input: string; readonly output: void }
}
type Wire = WorkflowWire<Rpcs, Record<never, never>>

function code(body: (workflow: WorkflowContext<Rpcs>, amount: number) => Promise<string>) {
  return defineWorkflow<number, string, object, Wire>(({ workflow }, amount) => body(workflow, amount))
}

const order = code(async (workflow, amount) => {
  const { receipt } = await workflow.do('Charge', 'charge', { amount }, { retries: 1 })
  await workflow.sleep('Wait', '1d')
  return workflow.do('Write', () => `${receipt} on ${workflow.now().toISOString()}`)
})

const recorded = async (failures = [{ step: 'Charge' }]) => {
  const rpcs = { charge: () => ({ receipt: 'r1' }) }
  const run = await testWorkflow(order, { input: 3, rpcs, failures })
  // As it comes out of a file.
  return { run, history: JSON.parse(JSON.stringify(run.recorded)) as typeof run.recorded }
}

describe('replayHistory', () => {
  test('the same code comes to the same end, and calls nothing', async () => {
    const { run, history } = await recorded()
    expect(await replayHistory(order, history)).toEqual({
      ok: true,
      divergence: null,
      status: 'completed',
      output: run.output,
      error: undefined,
      next: [],
    })
  })

  test('what comes after the history may change', async () => {
    const { history } = await recorded()
    const longer = code(async (workflow, amount) => {
      const { receipt } = await workflow.do('Charge', 'charge', { amount })
      await workflow.sleep('Wait', '1d')
      const text = await workflow.do('Write', () => 'other text')
      await workflow.do('Tell', 'notify', text)
      return receipt
    })
    expect(await replayHistory(longer, history)).toMatchObject({ ok: true, status: 'running', next: ["'Tell'"] })
    const failing = code(async (workflow, amount) => {
      await workflow.do('Charge', 'charge', { amount })
      await workflow.sleep('Wait', '1d')
      await workflow.do('Write', () => 'text')
      throw new Error('no')
    })
    expect(await replayHistory(failing, history)).toMatchObject({
      ok: true,
      status: 'failed',
      error: { message: 'no' },
    })
  })

  test.each([
    [
      'another input',
      code(async (workflow, amount) => (await workflow.do('Charge', 'charge', { amount: amount + 1 })).receipt),
    ],
    ['another name', code(async (workflow, amount) => (await workflow.do('Take', 'charge', { amount })).receipt)],
    ['another kind', code(async (workflow) => workflow.do('Charge', async () => 'r1'))],
    ['an earlier end', code(async (workflow, amount) => (await workflow.do('Charge', 'charge', { amount })).receipt)],
  ])('%s is a divergence', async (_what, changed) => {
    const { history } = await recorded()
    const replayed = await replayHistory(changed, history)
    expect(replayed).toMatchObject({ ok: false, status: 'suspended' })
    expect(replayed.divergence).toMatchSnapshot()
  })

  test('a run of any status, and none that is no history', async () => {
    const failed = await recorded([{ step: 'Charge' }, { step: 'Charge', attempt: 2 } as { step: string }])
    expect(failed.run.status).toBe('failed')
    expect(await replayHistory(order, failed.history)).toMatchObject({ ok: true, status: 'failed' })
    const started = { ...failed.history, status: 'running', error: null, steps: [] } as const
    expect(await replayHistory(order, started)).toMatchObject({ ok: true, status: 'running', next: ["'Charge'"] })
    for (const wrong of [null, [], 'text', { ...failed.history, format: 2 }]) {
      await expect(replayHistory(order, wrong as never)).rejects.toMatchObject({ code: 'CONFIGURATION' })
    }
  })
})
