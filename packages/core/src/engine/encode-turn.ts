import type { NextMove, StepPlan } from '../contract/index.ts'
import { MAX_DURATION_MS } from '../domain/duration.ts'
import { plainText } from '../domain/names.ts'
import { retryPolicy } from '../domain/retry-policy.ts'
import type { Command } from '../replay/index.ts'
import type { EngineParts } from './parts.ts'
import type { Payloads } from './payloads.ts'
import type { Leaving } from './plan-turn.ts'
import { isUnkeepable } from './run-attempt.ts'

/** The row a command becomes. */
export async function encodePlan(command: Exclude<Command, { kind: 'inline' }>, parts: EngineParts): Promise<StepPlan> {
  const { id, askedAfter } = command
  if (command.kind === 'sleep') {
    return { kind: 'sleep', id, askedAfter, delayMs: delayOf(command.until, parts.clock.now()) }
  }
  const { rpcName, options, input } = command
  const policy = retryPolicy(options, parts.registry.rpc(rpcName), `step '${command.name}'`)
  const payload = await parts.payloads.seal(input.text)
  return { kind: 'rpc', id, askedAfter, rpcName, input: payload, inputDigest: input.digest, policy }
}

/** Within what crosses the port: this process' clock may be off. */
function delayOf(until: (Command & { kind: 'sleep' })['until'], now: number): number {
  return 'inMs' in until ? until.inMs : Math.min(Math.max(0, Math.ceil(until.at - now)), MAX_DURATION_MS)
}

/** An output that cannot be kept fails the run: it would on every replay (A37). */
export async function encodeLeaving(
  leaving: Leaving,
  { workflow, codeHash }: { workflow: string; codeHash: string },
  payloads: Payloads,
): Promise<NextMove> {
  switch (leaving.kind) {
    case 'complete':
      try {
        const what = `the output of workflow '${workflow}'`
        return { kind: 'complete', output: (await payloads.encode(leaving.output, what)).payload }
      } catch (error) {
        if (!isUnkeepable(error)) throw error
        return { kind: 'fail', error: await payloads.encodeError(error) }
      }
    case 'fail':
      return { kind: 'fail', error: await payloads.encodeError(leaving.error) }
    case 'cancel':
      return { kind: 'cancel', reason: plainText(leaving.reason) }
    case 'suspend':
      return { kind: 'suspend', wakeSeq: leaving.wakeSeq, reason: plainText(leaving.reason), codeHash }
    default:
      return leaving
  }
}
