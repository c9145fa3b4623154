import { setImmediate as macrotask } from 'node:timers/promises'
import type { Run, StepDetail } from '../../contract/index.ts'
import { bodyScope } from '../../engine/body-scope.ts'
import { toReplaySteps } from '../../engine/history.ts'
import type { Payloads } from '../../engine/payloads.ts'
import { createReplay, createWorkflowContext, type Decision, type ReplayPort } from '../../replay/index.ts'
import { App, unknownRpc } from '../../service/app.ts'
import { toWorkflowRun } from '../../service/run-views.ts'
import { Ledger } from './ledger.ts'
import { registryOf, type TestApp, type Trace } from './test-app.ts'
import { pause } from './until.ts'

interface Final {
  readonly run: Run
  readonly steps: readonly StepDetail[]
  readonly app: TestApp
  readonly payloads: Payloads
}

/** What the code decides when it is given a run's final history, and what its body was given on the way. */
export async function replayFinal(final: Final): Promise<{ decision: Decision; given: readonly unknown[] }> {
  const { run, steps, payloads } = final
  const traces = new Map<string, Trace[]>()
  const input = await payloads.decode(run.input)
  const replay = createReplay((port) => callBody(final, { port, input, traces }), {
    yieldTurn: () => macrotask(),
    grace: () => pause(1_000),
  })
  const decision = await replay.advance(await toReplaySteps(steps, payloads))
  replay.abandon()
  return { decision, given: traces.get(run.runId)?.[0]?.given ?? [] }
}

interface Calling {
  readonly port: ReplayPort
  readonly input: unknown
  readonly traces: Map<string, Trace[]>
}

function callBody({ run, app, payloads }: Final, { port, input, traces }: Calling): Promise<unknown> {
  const registry = registryOf(app, { ledger: new Ledger(), traces })
  const called = new App({}, registry, () => Promise.reject(new Error('a replay starts no runs')))
  const context = createWorkflowContext(port, {
    runId: run.runId,
    workflowName: run.workflow,
    createdAt: run.createdAt,
    encodeInput: (value, what) => payloads.prepare(value, what),
    assertRpc: (name, where) => {
      if (!registry.rpc(name)) throw unknownRpc(name, registry, where)
    },
    assertInBody: () => undefined,
    getRun: () => toWorkflowRun(run, payloads),
  })
  const scope = { runId: run.runId, workflow: run.workflow, inStep: false, onRejection: () => undefined }
  return bodyScope.run(scope, () => called.callWorkflow(run.workflow, input, context))
}
