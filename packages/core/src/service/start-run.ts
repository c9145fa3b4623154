import { v7 as uuidv7 } from 'uuid'
import type { NewRun, WorkflowStore } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import type { Registry } from '../define/index.ts'
import { checkedElsewhere, checkOptions } from '../domain/check-options.ts'
import { assertRunId } from '../domain/names.ts'
import type { Payloads } from '../engine/payloads.ts'
import { unknownWorkflow } from './app.ts'
import { validInput } from './schema.ts'

/** What `rpc.startWorkflow` was given. */
export interface StartRequest {
  readonly name: string
  readonly input: unknown
  readonly runId: string | undefined
}

/**
 * Checks everything that can be checked, then creates the run: bad input leaves nothing behind (F63).
 *
 * @throws WorkflowError: `WORKFLOW_NOT_FOUND`, `INVALID_INPUT`, `NOT_SERIALIZABLE`, `PAYLOAD_TOO_LARGE`, `RUN_CONFLICT`
 */
export async function startRun(
  { name, input, runId = uuidv7() }: StartRequest,
  { registry, store, payloads }: { registry: Registry; store: WorkflowStore; payloads: Payloads },
): ReturnType<WorkflowStore['createRun']> {
  const definition = registry.workflow(name)
  if (!definition) throw unknownWorkflow(name, registry)
  const what = `the input of workflow '${name}'`
  const encoded = await payloads.encodeNow(await validInput(definition.input, input, what), what)
  const run: NewRun = {
    runId,
    workflow: name,
    input: encoded.payload,
    inputDigest: encoded.digest,
    tags: definition.tags,
  }
  const created = await store.createRun(run)
  if (!created.created) assertSame(created.run, run)
  return created
}

/** The id that `rpc.startWorkflow` was given. @throws WorkflowError `INVALID_INPUT`, `INVALID_NAME` */
export function givenRunId(options: unknown): string | undefined {
  if (options === undefined) return undefined
  checkOptions({ name: 'rpc.startWorkflow', code: 'INVALID_INPUT' }, { runId: checkedElsewhere }, options)
  const runId: unknown = Reflect.get(Object(options), 'runId')
  if (runId !== undefined) assertRunId(runId)
  return runId
}

function assertSame(existing: { workflow: string; inputDigest: string }, asked: NewRun): void {
  const { runId } = asked
  if (existing.workflow !== asked.workflow) {
    throw new WorkflowError(
      'RUN_CONFLICT',
      `run id '${runId}' belongs to a run of workflow '${existing.workflow}' already, not of '${asked.workflow}'; start this one under another id`,
    )
  }
  if (existing.inputDigest !== asked.inputDigest) {
    throw new WorkflowError(
      'RUN_CONFLICT',
      `run id '${runId}' belongs to a run of workflow '${asked.workflow}' with another input already; start this one under another id`,
    )
  }
}
