import { setImmediate as macrotask, setTimeout as pause } from 'node:timers/promises'
import type { Clock, Run, Step } from '../contract/index.ts'
import type { Registry } from '../define/index.ts'
import { bodyScope } from '../engine/body-scope.ts'
import { toReplaySteps } from '../engine/history.ts'
import type { Payloads } from '../engine/payloads.ts'
import { sleepInParts } from '../engine/sleep-in-parts.ts'
import { createReplay, createWorkflowContext, type Decision } from '../replay/index.ts'
import { App, unknownRpc } from '../service/app.ts'
import { toWorkflowRun } from '../service/run-views.ts'

/** How long a body may take, in real time, to ask again for what its history holds. */
const graceMs = 1_000

/** Nobody waits for the rest of a grace that is cut short. */
const waiting: Pick<Clock, 'sleep'> = {
  sleep: (ms, signal) => pause(ms, undefined, signal ? { signal } : {}).catch(() => undefined),
}

/** What the code decides when it is given this history. Nothing is called and nothing written. */
export async function replayBody(recorded: {
  readonly run: Run
  readonly steps: readonly Step[]
  readonly registry: Registry
  readonly payloads: Payloads
  readonly services: object
}): Promise<Decision> {
  const { run, steps, registry, payloads, services } = recorded
  const app = new App(services, registry, () => Promise.reject(new Error('a replay starts no runs')))
  const input = await payloads.decode(run.input)
  const source = {
    runId: run.runId,
    workflowName: run.workflow,
    createdAt: run.createdAt,
    encodeInput: (value: unknown, what: string) => payloads.prepare(value, what),
    assertRpc: (name: string, where: string) => {
      if (!registry.rpc(name)) throw unknownRpc(name, registry, where)
    },
    assertInBody: () => undefined,
    getRun: () => toWorkflowRun(run, payloads),
  }
  const scope = { runId: run.runId, workflow: run.workflow, inStep: false, onRejection: () => undefined }
  const replay = createReplay(
    (port) => bodyScope.run(scope, () => app.callWorkflow(run.workflow, input, createWorkflowContext(port, source))),
    {
      yieldTurn: () => macrotask(),
      grace: (short, done) => sleepInParts(waiting, short ? graceMs / 10 : graceMs, done),
    },
  )
  const decision = await replay.advance(await toReplaySteps(steps, payloads))
  replay.abandon()
  return decision
}
