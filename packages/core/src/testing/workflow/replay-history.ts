import type { PayloadCodec, Run, Step } from '../../contract/index.ts'
import { WorkflowError } from '../../contract/index.ts'
import { createRegistry, findRegistry, type Registry, type WorkflowConfig } from '../../define/index.ts'
import { checkedElsewhere, checkOptions } from '../../domain/check-options.ts'
import { describe } from '../../domain/describe.ts'
import { MAX_PAYLOAD_BYTES } from '../../domain/limits.ts'
import { describeStep, stepKey } from '../../domain/step-id.ts'
import { Payloads } from '../../engine/payloads.ts'
import type { Decision } from '../../replay/index.ts'
import type { RecordedHistory, RecordedStep } from '../../service/index.ts'
import { replayBody } from '../replay-body.ts'
import type { ReplayedHistory, TestableWorkflow } from './types.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const rules = { services: checkedElsewhere, codec: checkedElsewhere }

/**
 * Holds the history of one run (`workflowService.exportHistory`) against the code of today, as a worker would after a
 * deploy: the body runs, is given what was recorded, and has to ask for the same. No function is called, no step is
 * entered, nothing is written. With `ok: false` such a run would be suspended until a worker with other code takes it;
 * `divergence` says what does not fit.
 *
 * `codec`: the one of the service that the history is from, if it had one. `services`: what the body needs besides steps.
 *
 * @throws `WorkflowError` with code `CONFIGURATION` for what is no recorded history
 * @example
 * const history = JSON.parse(await readFile('test/histories/onboarding.json', 'utf8'))
 * const { ok, divergence } = await replayHistory(onboarding, history)
 * assert.ok(ok, divergence ?? '')
 */
export async function replayHistory<In, Out, Bag extends object, Rpcs, Workflows>(
  workflow: TestableWorkflow<In, Out, Bag, Rpcs, Workflows>,
  history: RecordedHistory,
  options: { readonly services?: Partial<NoInfer<Bag>>; readonly codec?: PayloadCodec } = {},
): Promise<ReplayedHistory<Out>> {
  checkOptions({ name: 'replayHistory' }, rules, options)
  assertHistory(history)
  const decision = await replayBody({
    run: toRun(history),
    steps: history.steps.map(toStep),
    registry: await registryFor(workflow as WorkflowConfig, history.workflow),
    payloads: new Payloads(options.codec, MAX_PAYLOAD_BYTES),
    services: { logger: silent, ...options.services },
  })
  return inWords(decision, history) as ReplayedHistory<Out>
}

/** The workflow under the name it was recorded with. A function that the app no longer has is missed as it would be there. */
async function registryFor(workflow: WorkflowConfig, name: string): Promise<Registry> {
  const app = await findRegistry()
  const registry = createRegistry({ workflows: [{ name, func: workflow }] })
  return { ...registry, rpc: (rpcName) => (app ? app.rpc(rpcName) : { name: rpcName, func: () => undefined }) }
}

function inWords(decision: Decision, history: RecordedHistory): ReplayedHistory<unknown> {
  const nothing = {
    ok: true,
    divergence: null,
    status: 'running',
    output: undefined,
    error: undefined,
    next: [],
  } as const
  switch (decision.kind) {
    case 'diverged':
      return { ...nothing, ok: false, divergence: decision.reason, status: 'suspended' }
    case 'threw':
      return { ...nothing, status: 'failed', error: decision.error }
    case 'cancelled':
      return { ...nothing, status: 'cancelled', error: new WorkflowError('RUN_CANCELLED', decision.reason) }
    default: {
      const known = new Set(history.steps.map(stepKey))
      const next = decision.commands.filter(({ id }) => !known.has(stepKey(id))).map(({ id }) => describeStep(id))
      const ended = decision.kind === 'returned' && decision.open === 0
      return ended ? { ...nothing, status: 'completed', output: decision.output } : { ...nothing, next }
    }
  }
}

function toRun({ steps: _steps, format: _format, ...run }: RecordedHistory): Run {
  const { createdAt } = run
  return { ...run, inputDigest: '', tags: [], parent: null, crashes: 0, updatedAt: createdAt, endedAt: null }
}

function toStep({ name, ordinal, ...step }: RecordedStep): Step {
  return { ...step, id: { name, ordinal }, dueInMs: null, revision: 0 }
}

function assertHistory(history: unknown): void {
  const isOne =
    typeof history === 'object' &&
    history !== null &&
    'steps' in history &&
    Array.isArray(history.steps) &&
    'format' in history
  if (isOne && history.format === 1) return
  const found = isOne ? `one of format ${describe(history.format)}` : describe(history)
  throw new WorkflowError(
    'CONFIGURATION',
    `replayHistory: the history is ${found}; accepted is what workflowService.exportHistory gives, of format 1`,
  )
}
