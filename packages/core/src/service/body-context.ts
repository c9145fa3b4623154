import type { Run } from '../contract/index.ts'
import type { Registry, WorkflowRun } from '../define/index.ts'
import type { Payloads } from '../engine/payloads.ts'
import type { ContextSource } from '../replay/index.ts'
import { assertInBody, unknownRpc } from './app.ts'

/** What a run's body learns of the app and of itself. */
export function contextSource(
  run: Run,
  from: { registry: Registry; payloads: Payloads; getRun(runId: string): Promise<WorkflowRun | null> },
): ContextSource {
  const { registry, payloads } = from
  return {
    runId: run.runId,
    workflowName: run.workflow,
    createdAt: run.createdAt,
    encodeInput: (value, what) => payloads.prepare(value, what),
    assertRpc: (name, where) => {
      if (!registry.rpc(name)) throw unknownRpc(name, registry, where)
    },
    assertInBody: (what) => assertInBody(what, run.workflow),
    getRun: () => from.getRun(run.runId),
  }
}
