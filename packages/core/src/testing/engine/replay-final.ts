import { setImmediate as macrotask } from 'node:timers/promises'
import type { Run, StepDetail } from '../../contract/index.ts'
import { toReplaySteps } from '../../engine/history.ts'
import type { Payloads } from '../../engine/payloads.ts'
import { createReplay, createWorkflowContext, type Decision } from '../../replay/index.ts'
import { pause } from './until.ts'
import { traced, type TestApp, type TestContext, type Trace } from './test-app.ts'

/** What the code decides when it is given a run's final history, and what its body was given on the way. */
export async function replayFinal(final: {
  readonly run: Run
  readonly steps: readonly StepDetail[]
  readonly app: TestApp
  readonly payloads: Payloads
}): Promise<{ decision: Decision; given: readonly unknown[] }> {
  const { run, steps, app, payloads } = final
  const body = app.workflows[run.workflow]
  if (!body) throw new Error(`the app has no workflow '${run.workflow}'`)
  const input = await payloads.decode(run.input)
  const trace: Trace = { given: [], ended: false }
  const replay = createReplay(
    async (port) => {
      const context = createWorkflowContext(port, {
        runId: run.runId,
        workflowName: run.workflow,
        createdAt: run.createdAt,
        encodeInput: (value, what) => payloads.prepare(value, what),
        assertRpc: () => undefined,
        getRun: () => Promise.resolve(null),
      }) as unknown as TestContext
      const workflow = app.bare ? context : traced(context, trace, null)
      return body({ workflow, rpc: refusingRpc } as never, input as never)
    },
    { yieldTurn: () => macrotask(), grace: () => pause(1_000) },
  )
  const decision = await replay.advance(await toReplaySteps(steps, payloads))
  replay.abandon()
  return { decision, given: trace.given }
}

const refused = (): never => {
  throw new Error('a body calls nothing but its steps')
}
const refusingRpc = { depth: 0, invoke: refused, startWorkflow: refused }
