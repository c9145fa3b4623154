import assert from 'node:assert/strict'
import { setImmediate as macrotask } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'vitest'
import type { ReplayPort, ReplayStep } from './index.ts'
import { createReplay } from './index.ts'
import type { ReplayEnv } from './replay.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const env: ReplayEnv = { yieldTurn: () => macrotask(), grace: () => Promise.reject(new Error('nothing is waited for')) }

function ask(port: ReplayPort, name: string): Promise<unknown> {
  return port.request({ kind: 'rpc', name, rpcName: 'work', input: { text: '1', digest: '1' }, options: {} })
}

function row(name: string, over: Partial<ReplayStep> = {}): ReplayStep {
  const asked = { kind: 'rpc', rpcName: 'work', inputDigest: '1', attempt: 0, lost: 0, askedAfter: 0 } as const
  return {
    ...asked,
    id: { name, ordinal: 0 },
    status: 'scheduled',
    settledSeq: null,
    settledAt: null,
    outcome: null,
    ...over,
  }
}

test('what a step came to is not kept once the body has it', async () => {
  const replay = createReplay(async (port) => {
    await ask(port, 'large')
    await ask(port, 'next')
  }, env)
  const large = async (): Promise<WeakRef<object>> => {
    const value = { rows: Array.from({ length: 1_000 }, (_, id) => ({ id })) }
    await replay.advance([row('large')])
    const settled = { status: 'succeeded', settledSeq: 1, settledAt: 1, outcome: { ok: true, value } } as const
    await replay.advance([row('large', settled)])
    return new WeakRef(value)
  }
  const kept = await large()
  const deadline = Date.now() + 5_000
  while (kept.deref() !== undefined && Date.now() < deadline) {
    await macrotask()
    gc()
  }
  assert.equal(kept.deref(), undefined)
  // It is still known to have been asked for and settled.
  const decision = await replay.advance([row('next', { askedAfter: 1 })])
  assert.deepEqual(decision, { kind: 'blocked', commands: [], open: 1 })
})

test('a grace that nobody waits for any more is called off', async () => {
  const graces: AbortSignal[] = []
  const begun = Promise.withResolvers<void>()
  const grace = (_short: boolean, done: AbortSignal): Promise<void> => {
    graces.push(done)
    begun.resolve()
    return new Promise(() => undefined)
  }
  const replay = createReplay(
    async (port) => {
      await begun.promise
      await ask(port, 'late')
    },
    { ...env, grace },
  )
  await replay.advance([
    row('late', { status: 'succeeded', settledSeq: 1, settledAt: 1, outcome: { ok: true, value: 1 } }),
  ])
  assert.deepEqual(
    graces.map(({ aborted }) => aborted),
    [true],
  )
})
