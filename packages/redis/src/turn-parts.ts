import type { InlineRecord, NextMove, StepPlan, Turn } from '@pikku/core/contract'
import { stepKey } from './rows.ts'

/** A script holds the server while it runs: it writes at most so many steps, and so much text unless one step alone has more. */
const maxSteps = 32
const maxChars = 256 * 1024

/** A piece of a turn that one script applies. */
export interface TurnPart {
  readonly number: number
  readonly record: readonly InlineRecord[]
  readonly schedule: readonly StepPlan[]
  /** For commit-run.lua, from the move on. */
  readonly args: readonly (string | number)[]
}

interface Asked {
  readonly args: readonly (string | number)[]
  readonly record?: InlineRecord
  readonly plan?: StepPlan
}

/** The turn in parts, in its order: records, then plans. The last part leaves, and there always is one. */
export function partsOf({ record, schedule, next }: Turn): readonly TurnPart[] {
  const asked: Asked[] = [
    ...record.map((one) => ({ record: one, args: recordArgs(one) })),
    ...schedule.map((plan) => ({ plan, args: planArgs(plan) })),
  ]
  const slices = slicesOf(asked)
  return slices.map((slice, number) => {
    const records = slice.flatMap((one) => one.record ?? [])
    const plans = slice.flatMap((one) => one.plan ?? [])
    const move = number === slices.length - 1 ? moveArgs(next) : ['part', '', 0, '0', '', '0', '']
    const args = [...move, records.length, ...slice.flatMap((one) => one.args)]
    return { number, record: records, schedule: plans, args }
  })
}

/** The inline step that is all there is to a turn, when it is over and the run goes on. */
export function settledAlone({ record, schedule, next }: Turn): InlineRecord | null {
  const [one, another] = record
  const isAlone = one && !another && schedule.length === 0 && next.kind === 'hold'
  return isAlone && one.outcome.kind !== 'retry' ? one : null
}

function slicesOf(asked: readonly Asked[]): readonly (readonly Asked[])[] {
  let slice: Asked[] = []
  const slices = [slice]
  let chars = 0
  for (const one of asked) {
    const size = one.args.reduce<number>((sum, arg) => sum + String(arg).length, 0)
    if (slice.length >= maxSteps || (slice.length > 0 && chars + size > maxChars)) {
      slice = []
      slices.push(slice)
      chars = 0
    }
    slice.push(one)
    chars += size
  }
  return slices
}

/** move, wakeSeq, delay, has a text, text, has a code hash, code hash */
function moveArgs(next: NextMove): readonly (string | number)[] {
  switch (next.kind) {
    case 'hold':
      return ['hold', '', 0, '0', '', '0', '']
    case 'park':
      return ['park', next.wakeSeq, 0, '0', '', '0', '']
    case 'yield':
      return ['yield', '', next.delayMs, '0', '', '0', '']
    case 'suspend': {
      const reason = next.reason === null ? ['0', ''] : ['1', next.reason]
      const hash = next.codeHash === undefined ? ['0', ''] : ['1', next.codeHash]
      return ['suspend', next.wakeSeq, 0, ...reason, ...hash]
    }
    case 'complete':
      return ['complete', '', 0, '1', next.output, '0', '']
    case 'fail':
      return ['fail', '', 0, '1', next.error, '0', '']
    case 'cancel':
      return ['cancel', '', 0, '1', next.reason, '0', '']
  }
}

/** As lua/record-step.lua reads it. */
export function stepArgs({ id, askedAfter, attempt, outcome }: InlineRecord): readonly (string | number)[] {
  const payload = outcome.kind === 'succeeded' ? outcome.output : outcome.error
  return [outcome.kind, id.name, id.ordinal, askedAfter, attempt, payload, Math.round(outcome.durationMs)]
}

/** As `record_inline` in lua/include/turn.lua reads them. */
function recordArgs({ id, askedAfter, attempt, outcome }: InlineRecord): readonly (string | number)[] {
  const payload = outcome.kind === 'succeeded' ? outcome.output : outcome.error
  const delayMs = outcome.kind === 'retry' ? outcome.delayMs : 0
  return [outcome.kind, id.name, id.ordinal, askedAfter, attempt, payload, delayMs, Math.round(outcome.durationMs), '']
}

/** As `schedule_plan` in lua/include/turn.lua reads them. */
function planArgs(plan: StepPlan): readonly (string | number)[] {
  const { kind, id, askedAfter } = plan
  const args = [kind, id.name, id.ordinal, askedAfter, ...kindArgs(plan)]
  return [...args, ...new Array<string>(12 - args.length).fill('')]
}

function kindArgs(plan: StepPlan): readonly (string | number)[] {
  switch (plan.kind) {
    case 'rpc':
      return [plan.rpcName, plan.input, plan.inputDigest, plan.policy.retries, plan.policy.retryDelayMs]
    case 'sleep':
      return [plan.delayMs]
    case 'suspend':
      return []
    case 'child': {
      const { runId, workflow, input, inputDigest, tags, parent } = plan.child
      const up = parent ? [parent.runId, stepKey(parent.step), parent.onEnd] : ['', '', '']
      return [runId, workflow, input, inputDigest, JSON.stringify(tags), ...up]
    }
  }
}
