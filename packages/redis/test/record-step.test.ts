import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClaimRun, Committed, InlineRecord, RunClaim, StepPlan, Turn } from '@pikku/core/contract'
import { WorkflowError } from '@pikku/core/contract'
import { openLinked } from './link-harness.ts'
import type { LinkedHarness } from './link-harness.ts'
import { redisUrl } from './redis-harness.ts'

/*
 * record-step.lua does the usual turn, commit-run.lua any. So each situation is played twice, and in one of the two
 * worlds the first always leaves it to the second: answers and keys are to be the same.
 */

const runId = 'run'
const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }

const ended = (name: string, over: Partial<InlineRecord> = {}): InlineRecord => ({
  id: { name, ordinal: 0 },
  askedAfter: 0,
  attempt: 1,
  outcome: { kind: 'succeeded', output: '"ü"', durationMs: 7 },
  ...over,
})
const sleep: StepPlan = { kind: 'sleep', id: { name: 'nap', ordinal: 0 }, askedAfter: 0, delayMs: 5_000 }
const failed = { kind: 'failed', error: '"no"', durationMs: 0 } as const
const again = { kind: 'retry', error: '"once more"', delayMs: 60_000, durationMs: 1 } as const

/** One of the two worlds, with a run in it. */
class World {
  readonly harness: LinkedHarness
  readonly redis: Redis
  /** What record-step.lua decided, one after the other: whether it was its to write. */
  readonly decided: boolean[] = []
  #revision = 0

  private constructor(harness: LinkedHarness, redis: Redis) {
    this.harness = harness
    this.redis = redis
  }

  static async open(redis: Redis, recordsSteps: boolean): Promise<World> {
    let world: World | undefined
    const harness = await openLinked((link) => {
      const call = link.call.bind(link)
      link.call = async (script, bucket, args) => {
        if (script !== 'record-step') return call(script, bucket, args)
        const answer = recordsSteps ? await call(script, bucket, args) : 'OTHER'
        world?.decided.push(answer !== 'OTHER')
        return answer
      }
    })
    world = new World(harness, redis)
    const run = { runId, workflow: 'order', input: '1', inputDigest: '', tags: [] }
    await harness.ports.store.createRun(run)
    return world
  }

  async claim(over: Partial<ClaimRun> = {}): Promise<RunClaim> {
    const ask = { runId, owner: 'worker', claimId: 'claim-1', leaseMs: 60_000, known, after: 0, limit }
    const answer = await this.harness.ports.store.claimRun({ ...ask, ...over })
    if (!answer || 'ended' in answer) throw new Error('the run was not claimed')
    this.#revision = answer.history.revision
    return answer
  }

  /** After what the last answer told, unless it says otherwise. */
  async commit({ lease }: RunClaim, over: Partial<Turn>): Promise<Committed> {
    const turn = { number: 1, after: this.#revision, codeHash: 'code-1', schedule: [], record: [] }
    const committed = await this.harness.ports.store.commitRun(lease, { ...turn, next: { kind: 'hold' }, ...over })
    if (!committed.released) this.#revision = committed.revision
    return committed
  }

  /** What was answered, or what was refused. */
  async tell(committing: Promise<Committed>): Promise<unknown> {
    return committing.catch((error: unknown) => (WorkflowError.is(error) ? error.code : Promise.reject(error as Error)))
  }

  /** Every key of this world, without its prefix and without instants. */
  async keys(): Promise<unknown> {
    const names = await this.redis.keys(`${this.#prefix}:*`)
    const values = names.toSorted().map(async (name): Promise<[string, unknown]> => {
      const type = await this.redis.type(name)
      if (type === 'hash') return [name, await this.redis.hgetall(name)]
      if (type === 'zset') return [name, await this.redis.zrange(name, '0', '-1', 'WITHSCORES')]
      return [name, type === 'set' ? (await this.redis.smembers(name)).toSorted() : await this.redis.get(name)]
    })
    return withoutInstants(await Promise.all(values), this.#prefix)
  }

  async setField(field: string, value: string): Promise<void> {
    const [key] = await this.redis.keys(`${this.#prefix}:*:run:${runId}`)
    if (!key) throw new Error('there is no run')
    await this.redis.hset(key, field, value)
  }

  get #prefix(): string {
    return this.harness.prefix
  }
}

/** Nor with the ids that were made up. */
function withoutInstants(value: unknown, prefix = 'no prefix'): unknown {
  const text = JSON.stringify(value).replaceAll(prefix, '')
  const ids = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
  return JSON.parse(text.replaceAll(/"?\b1\d{12}\b"?/g, '"then"').replaceAll(ids, 'an id')) as unknown
}

/** Ends with the commits whose answers count. */
type Situation = (world: World) => Promise<readonly unknown[]>

const usual: Record<string, Situation> = {
  'a step that succeeded': async (world) => [await world.commit(await world.claim(), { record: [ended('a')] })],
  'a step that failed': async (world) => [
    await world.commit(await world.claim(), { record: [ended('a', { outcome: failed })] }),
  ],
  'one after the other, and one that another turn came before': async (world) => {
    const claimed = await world.claim()
    const one = await world.commit(claimed, { record: [ended('a')] })
    const two = await world.commit(claimed, { number: 2, record: [ended('b'), ended('c')] })
    const three = await world.commit(claimed, { number: 3, record: [ended('d')] })
    return [one, two, three]
  },
  'the first turn of a later claim': async (world) => {
    const first = await world.claim()
    await world.commit(first, { record: [ended('a')] })
    await world.commit(first, { number: 2, next: { kind: 'yield', delayMs: 0 } })
    return [await world.commit(await world.claim({ claimId: 'claim-2' }), { record: [ended('b')] })]
  },
  'a wake that brought nothing': async (world) => {
    const claimed = await world.claim()
    await world.harness.ports.store.signalRun({ kind: 'resume', runId })
    return [await world.commit(claimed, { record: [ended('a')] })]
  },
  'a sleep that is not due yet': async (world) => {
    const claimed = await world.claim()
    await world.commit(claimed, { schedule: [sleep] })
    return [await world.commit(claimed, { number: 2, record: [ended('a')] })]
  },
  'a turn that was applied, and what comes after it': async (world) => {
    const claimed = await world.claim()
    const turn = { after: claimed.history.revision, record: [ended('a')] }
    const answers = [await world.commit(claimed, turn), await world.commit(claimed, turn)]
    return [...answers, await world.commit(claimed, { number: 2, record: [ended('b')] })]
  },
}

const other: Record<string, Situation> = {
  'news since the turn was taken': async (world) => {
    const claimed = await world.claim()
    const signal = { kind: 'signal', runId, signalId: 'one', name: 'paid', payload: '1' } as const
    await world.harness.ports.store.signalRun(signal)
    return [await world.commit(claimed, { record: [ended('a')] })]
  },
  'a sleep that came due': async (world) => {
    const claimed = await world.claim()
    await world.commit(claimed, { schedule: [sleep] })
    await world.harness.advance(6_000)
    return [await world.commit(claimed, { number: 2, record: [ended('a')] })]
  },
  'an attempt that is there already': async (world) => {
    const claimed = await world.claim()
    await world.commit(claimed, { record: [ended('a', { outcome: again })] })
    return [await world.commit(claimed, { number: 2, record: [ended('a', { attempt: 2 })] })]
  },
  'a step that is settled already': async (world) => {
    const claimed = await world.claim()
    await world.commit(claimed, { record: [ended('a'), ended('b')] })
    return [await world.commit(claimed, { number: 2, record: [ended('a', { outcome: failed })] })]
  },
  'a crash before': async (world) => {
    await world.claim({ leaseMs: 10 })
    await world.harness.advance(1_000)
    return [await world.commit(await world.claim({ claimId: 'claim-2' }), { record: [ended('a')] })]
  },
  'a lease that was given back': async (world) => {
    const claimed = await world.claim()
    await world.commit(claimed, { next: { kind: 'yield', delayMs: 0 } })
    return [await world.tell(world.commit(claimed, { number: 2, record: [ended('a')] }))]
  },
  'a lease that somebody else has': async (world) => {
    const claimed = await world.claim({ leaseMs: 10 })
    await world.harness.advance(1_000)
    await world.claim({ claimId: 'claim-2' })
    return [await world.tell(world.commit(claimed, { record: [ended('a')] }))]
  },
  'a run that was deleted, and made anew under its id': async (world) => {
    const claimed = await world.claim()
    await world.setField('claimId', 'claim-of-another')
    return [await world.tell(world.commit(claimed, { record: [ended('a')] }))]
  },
  'a turn before it that was lost': async (world) => {
    const claimed = await world.claim()
    return [await world.tell(world.commit(claimed, { number: 2, record: [ended('a')] }))]
  },
  'another server than wrote it last': async (world) => {
    const claimed = await world.claim()
    await world.setField('node', 'abcdef01')
    return [await world.tell(world.commit(claimed, { record: [ended('a')] }))]
  },
  'a run that ended': async (world) => {
    const claimed = await world.claim()
    await world.harness.ports.store.cancelRun(runId, 'no need')
    return [await world.tell(world.commit(claimed, { record: [ended('a')] }))]
  },
}

describe.each([
  ['by itself', usual, true],
  ['left to commit-run.lua', other, false],
])('a step is recorded %s:', (_, situations, byItself) => {
  let redis: Redis
  beforeAll(() => void (redis = new Redis(redisUrl())))
  afterAll(() => redis.quit())

  test.for(Object.entries(situations))('%s', async ([, play]) => {
    const worlds = [await World.open(redis, true), await World.open(redis, false)] as const
    try {
      const [answers, expected] = [await play(worlds[0]), await play(worlds[1])]
      const keys = [await worlds[0].keys(), await worlds[1].keys()]
      expect(withoutInstants(answers)).toEqual(withoutInstants(expected))
      expect(keys[0]).toEqual(keys[1])
      expect(worlds[0].decided.at(-1)).toBe(byItself)
      expect(worlds[1].decided).not.toContain(true)
    } finally {
      for (const { harness } of worlds) await harness.dispose()
    }
  })
})
