import assert from 'node:assert/strict'
import { setImmediate as macrotask, setTimeout as pause } from 'node:timers/promises'
import { test } from 'vitest'
import { seededRandom, type Random } from '../testing/random.ts'
import type { Command, ReplayStep } from './index.ts'
import { createReplay, createWorkflowContext, type BodyContext, type Replay } from './index.ts'

type Body = (workflow: BodyContext) => Promise<unknown>

function replayOf(body: Body): Replay {
  return createReplay(
    (port) =>
      body(
        createWorkflowContext(port, {
          runId: 'run',
          workflowName: 'test',
          createdAt: 0,
          encodeInput: (value) => ({ text: JSON.stringify(value), digest: JSON.stringify(value) ?? 'undefined' }),
          assertRpc: () => undefined,
          assertInBody: () => undefined,
          getRun: () => Promise.resolve(null),
        }),
      ),
    { yieldTurn: () => macrotask(), grace: () => pause(2_000) },
  )
}

/** As much of the engine as replay needs: rows for commands, settlements in some order, now and then a process that dies. */
class Engine {
  readonly rows = new Map<string, ReplayStep>()
  readonly #random: Random
  #seq = 0
  deaths = 0

  constructor(random: Random) {
    this.#random = random
  }

  async play(body: Body): Promise<unknown> {
    for (;;) {
      const replay = replayOf(body)
      let changed: ReplayStep[] = [...this.rows.values()]
      while (!this.#random.chance(0.06)) {
        const decision = await replay.advance(changed)
        if (decision.kind === 'diverged') throw new Error(decision.reason)
        if (decision.kind === 'returned' && decision.open === 0) return decision.output
        assert.ok('commands' in decision)
        changed = [...decision.commands.map((command) => this.#schedule(command)), ...this.#settleSome()]
        await pause(this.#random.below(3))
      }
      this.deaths += 1
      replay.abandon()
    }
  }

  #schedule({ id, kind, askedAfter, ...command }: Command): ReplayStep {
    const rpcName = 'rpcName' in command ? command.rpcName : null
    const inputDigest = 'input' in command ? command.input.digest : null
    const open = { settledSeq: null, settledAt: null, outcome: null, status: 'scheduled', attempt: 0, lost: 0 } as const
    const row: ReplayStep = { ...open, id, kind, askedAfter, rpcName, inputDigest }
    this.rows.set(`${id.ordinal}:${id.name}`, row)
    return row
  }

  #settleSome(): ReplayStep[] {
    const open = [...this.rows].filter(([, { settledSeq }]) => settledSeq === null)
    return this.#random
      .shuffle(open)
      .slice(0, this.#random.below(3))
      .map(([key, row]) => {
        this.#seq += 1 + this.#random.below(2)
        const value = `${row.id.name} ${row.inputDigest ?? ''}`
        const outcome = { ok: true, value } as const
        const settled = { ...row, status: 'succeeded', settledSeq: this.#seq, settledAt: this.#seq, outcome } as const
        this.rows.set(key, settled)
        return settled
      })
  }
}

/** Lanes that await things which are no steps for as long as chance says, anew in every replay. */
function lanes(random: Random, nameOf: (lane: number, step: number) => string): Body {
  const delay = (): Promise<unknown> => (random.chance(0.6) ? pause(random.below(6)) : Promise.resolve())
  return async (workflow) => {
    const lane = async (l: number): Promise<unknown[]> => {
      const got: unknown[] = []
      for (let s = 0; s < 3; s += 1) {
        await delay()
        got.push(await workflow.do(nameOf(l, s), 'work', { l, s }))
      }
      return got
    }
    return Promise.all([0, 1, 2].map(lane))
  }
}

async function check(nameOf: (lane: number, step: number) => string): Promise<void> {
  const seeds = Array.from({ length: 40 }, () => Math.floor(Math.random() * 2 ** 31))
  const deaths = await Promise.all(
    seeds.map(async (seed) => {
      const random = seededRandom(seed)
      const engine = new Engine(random)
      try {
        const output = await engine.play(lanes(random, nameOf))
        const expected = [0, 1, 2].map((l) => [0, 1, 2].map((s) => `${nameOf(l, s)} ${JSON.stringify({ l, s })}`))
        assert.deepEqual(output, expected)
        // And once more from the final history.
        const final = await replayOf(lanes(random, nameOf)).advance([...engine.rows.values()])
        assert.deepEqual(final.kind === 'returned' ? final.output : final, expected)
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
      return engine.deaths
    }),
  )
  assert.ok(
    deaths.some((count) => count > 0),
    'some of them died on the way',
  )
}

test('A1: random delays between steps of parallel branches, and deaths: each gets what it asked for', async () => {
  await check((lane, step) => `${lane}.${step}`)
})

test('A1: the same when all branches use one step name', async () => {
  await check(() => 'charge')
})
