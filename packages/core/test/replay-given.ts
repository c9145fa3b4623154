import assert from 'node:assert/strict'
import { setImmediate as macrotask, setTimeout as pause } from 'node:timers/promises'
import type { BodyContext, Decision, Replay, ReplayStep } from '../src/replay/index.ts'
import { createReplay, createWorkflowContext } from '../src/replay/index.ts'

export type Body = (workflow: BodyContext) => unknown

/** A replay of `body`, whose steps may call any function. */
export function replayOf(body: Body, graceMs = 30): Replay {
  return createReplay(
    async (port) => {
      const workflow = createWorkflowContext(port, {
        runId: 'run',
        workflowName: 'test',
        createdAt: 1_000,
        encodeInput: (value) => ({ text: JSON.stringify(value), digest: JSON.stringify(value) ?? 'undefined' }),
        assertRpc: () => undefined,
        assertInBody: () => undefined,
        getRun: () => Promise.resolve(null),
      })
      return body(workflow)
    },
    { yieldTurn: () => macrotask(), grace: () => pause(graceMs) },
  )
}

export const blank = {
  rpcName: null,
  inputDigest: null,
  attempt: 0,
  lost: 0,
  settledSeq: null,
  settledAt: null,
  outcome: null,
}

/** A recorded rpc step, called as `do(name, 'work', input)`. */
export function rpc(name: string, over: Partial<ReplayStep> & { ordinal?: number; input?: unknown } = {}): ReplayStep {
  const { ordinal = 0, input, ...rest } = over
  const id = { name, ordinal }
  const inputDigest = JSON.stringify(input) ?? 'undefined'
  return { ...blank, id, kind: 'rpc', status: 'scheduled', rpcName: 'work', inputDigest, askedAfter: 0, ...rest }
}

export function inline(name: string, over: Partial<ReplayStep> & { ordinal?: number } = {}): ReplayStep {
  const { ordinal = 0, ...rest } = over
  return { ...blank, id: { name, ordinal }, kind: 'inline', status: 'scheduled', askedAfter: 0, ...rest }
}

/** The same step, settled as the seq-th. */
export function settled(step: ReplayStep, seq: number, value: unknown = `${step.id.name} done`): ReplayStep {
  const outcome = { ok: true, value } as const
  return { ...step, status: 'succeeded', attempt: 1, settledSeq: seq, settledAt: 1_000 + seq, outcome }
}

export function failed(step: ReplayStep, seq: number, error: unknown): ReplayStep {
  return {
    ...step,
    status: 'failed',
    attempt: 1,
    settledSeq: seq,
    settledAt: 1_000 + seq,
    outcome: { ok: false, error },
  }
}

export function commandsOf(decision: Decision): string[] {
  assert.ok('commands' in decision, `it is ${decision.kind}`)
  return decision.commands.map(({ id, askedAfter }) => `${id.name}#${id.ordinal} after ${askedAfter}`)
}

export function outputOf(decision: Decision): unknown {
  assert.ok(decision.kind === 'returned', `it is ${JSON.stringify(decision)}`)
  return decision.output
}

export function reasonOf(decision: Decision): string {
  assert.ok(decision.kind === 'diverged', `it is ${JSON.stringify(decision)}`)
  return decision.reason
}
