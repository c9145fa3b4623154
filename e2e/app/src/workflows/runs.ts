import { setTimeout as delay } from 'node:timers/promises'
import { gateOpens, record } from '../ledger.js'
import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

export const rpcHold = pikkuWorkflowFunc<void, string[]>(async ({ workflow }) => [
  await workflow.do('first', 'note', { step: 'first' }),
  await workflow.do('hold', 'hold', { step: 'hold' }),
  await workflow.do('last', 'note', { step: 'last' }),
])
wireWorkflow({ name: 'rpc-hold', func: rpcHold })

export const inlineHold = pikkuWorkflowFunc<void, string>(async ({ workflow }) => {
  const { runId } = workflow
  const held = await workflow.do('hold', async () => {
    record({ event: 'started', runId, step: 'hold', attempt: 1 })
    await gateOpens()
    record({ event: 'ended', runId, step: 'hold', attempt: 1 })
    return 'held'
  })
  await workflow.do('last', 'note', { step: 'last' })
  return held
})
wireWorkflow({ name: 'inline-hold', func: inlineHold })

export const sleeper = pikkuWorkflowFunc<{ nap: string }, void>(async ({ workflow }, { nap }) => {
  await workflow.do('before', 'note', { step: 'before' })
  await workflow.sleep('nap', nap)
  await workflow.do('after', 'note', { step: 'after' })
})
wireWorkflow({ name: 'sleeper', func: sleeper })

/** Between its steps the body awaits something that is no step. */
export const between = pikkuWorkflowFunc<void, void>(async ({ workflow }) => {
  const { runId } = workflow
  await workflow.do('a', 'note', { step: 'a' })
  record({ event: 'between', runId, step: '', attempt: 0 })
  await delay(500)
  await workflow.do('b', 'note', { step: 'b' })
})
wireWorkflow({ name: 'between', func: between })

export const chain = pikkuWorkflowFunc<{ length: number }, number>(async ({ workflow }, { length }) => {
  let sum = 0
  for (let i = 0; i < length; i++) {
    await workflow.do('note', 'note', { step: `note ${i}` })
    sum += await workflow.do('count', async () => i)
  }
  return sum
})
wireWorkflow({ name: 'chain', func: chain })
