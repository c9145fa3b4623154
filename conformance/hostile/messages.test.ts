import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { worlds, type World } from '../worlds.ts'
import { openApp, type HostileApp, type Parts } from './apps.ts'
import { endOf } from './ends.ts'
import { pointedTexts, times, timeout } from './arbitraries.ts'
import { forgerOf, type Forger } from './forge.ts'

const orchestrator = 'pikku-workflow-orchestrator'
const worker = 'pikku-workflow-step-worker'
const hour = 3_600_000

let world: World
let app: HostileApp
let forger: Forger
let released: PromiseWithResolvers<void>

/** Every call of a function, in this process. */
const calls: string[] = []

const parts: Parts = {
  functions: {
    charge: (data, { workflowStep }) => calls.push(`charge ${JSON.stringify(data)} ${workflowStep?.runId}`),
    hold: async (_data, { workflowStep }) => {
      calls.push(`hold ${workflowStep?.runId}`)
      await released.promise
    },
    flaky: (_data, { workflowStep }) => {
      calls.push(`flaky ${workflowStep?.runId}`)
      throw new Error('not today')
    },
    secret: (data) => calls.push(`secret ${JSON.stringify(data)}`),
  },
  workflows: {
    held: async (workflow) => {
      await workflow.do('Charge', 'charge', { amount: 1 })
      await workflow.do('Hold', 'hold')
      return 'held'
    },
    asleep: async (workflow) => {
      await workflow.do('Charge', 'charge', { amount: 2 })
      await workflow.sleep('Wait', '1h')
    },
    retrying: async (workflow) => workflow.do('Try', 'flaky', null, { retries: 3, retryDelay: '1h' }),
    short: async (workflow) => workflow.do('Charge', 'charge', { amount: 3 }),
  },
  queueWorkers: {
    mail: (data: unknown) => {
      calls.push('mail')
      return data
    },
  },
}

/** Runs in every state a message may be about: their ids. */
async function startVictims(): Promise<string[]> {
  const ids = ['held', 'asleep', 'retrying', 'short'].map((name) => `${name}-${Math.random()}`)
  for (const id of ids) await app.service.startRun(id.split('-')[0] ?? '', null, { runId: id })
  const [held = '', asleep = '', retrying = '', short = ''] = ids
  await expect.poll(() => calls.filter((call) => call === `hold ${held}`).length, { timeout: 10_000 }).toBe(1)
  await expect.poll(async () => (await app.service.listSteps(asleep)).length, { timeout: 10_000 }).toBe(2)
  await expect.poll(async () => (await app.service.getRunHistory(retrying)).length, { timeout: 10_000 }).toBe(1)
  await endOf(app.service, short)
  return ids
}

const anyJson = fc.oneof(
  fc.jsonValue({ maxDepth: 3, noUnicodeString: false }).filter((value) => !JSON.stringify(value).includes('\\u0000')),
  fc.constantFrom<unknown>(null, 1, 'run', [], {}, { kind: 'run' }, { kind: 'step' }, 'x'.repeat(100_000)),
  fc.constantFrom(...pointedTexts).map((text) => ({ kind: text, runId: text, workflow: text })),
)

const anyCount = fc.oneof(
  fc.nat(12),
  fc.constantFrom<unknown>(-1, 0.5, 2 ** 31, 2 ** 53, 1e300, null, '1', [], {}, undefined),
)

/** Messages that are nearly right: true ids, other names; true names, other ids; numbers of the past and the future. */
function nearlyRight(ids: readonly string[]): fc.Arbitrary<unknown> {
  const runId = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...ids) },
    { weight: 1, arbitrary: fc.constantFrom<unknown>('', 'nobody', 7, null, 'x'.repeat(201), 'y'.repeat(50_000), '\ud83d', {}) },
    { weight: 1, arbitrary: fc.constantFrom(...pointedTexts) },
  )
  const workflow = fc.oneof(
    fc.constantFrom<unknown>('held', 'asleep', 'retrying', 'short', 'nothing', '__proto__', '', 7, 'w'.repeat(50_000)),
    fc.constantFrom(...pointedTexts),
  )
  const step = fc.oneof(
    fc.record({ name: fc.constantFrom('Charge', 'Hold', 'Try', 'Wait', 'Nothing', '__proto__', '', 's'.repeat(600)), ordinal: anyCount }),
    fc.constantFrom<unknown>(null, 'Charge', ['Charge', 0], { name: 'Charge' }),
  )
  const rpcName = fc.constantFrom('charge', 'hold', 'flaky', 'secret', 'nothing', '__proto__', 'toString', '')
  const more = fc.constantFrom({}, { held: true }, { input: '[{"amount":1},99]' }, { __proto__: { kind: 'run' } }, { result: 1 })
  return fc.oneof(
    fc.record({ kind: fc.constantFrom('run', 'step', 'RUN', 'signal'), runId, workflow, more }).map(({ more, ...item }) => ({ ...item, ...more })),
    fc.record({ kind: fc.constant('step'), runId, step, rpcName, attempt: anyCount, dispatch: anyCount, more }).map(({ more, ...item }) => ({ ...item, ...more })),
  )
} // prettier-ignore

async function drained(...queues: readonly string[]): Promise<void> {
  for (const queue of queues) {
    const message = `the queue ${queue} is not drained`
    await expect.poll(() => forger.unfinished(queue), { timeout: 20_000, interval: 50, message }).toBe(0)
  }
}

/** What is on record of runs: whatever a message may have changed. */
async function record(ids: readonly string[]): Promise<unknown> {
  const { service } = app
  const of = async (id: string): Promise<unknown> => [
    (await service.getRun(id))?.status,
    (await service.listSteps(id)).map(({ stepName, status, attemptCount }) => `${stepName} ${status} ${attemptCount}`),
    (await service.getRunHistory(id)).map(({ stepName, status, attemptCount }) => `${stepName} ${status} ${attemptCount}`),
  ] // prettier-ignore
  const { runs, steps, attempts } = await world.contents()
  return [runs, steps, attempts, await Promise.all(ids.map(of))]
}

async function works(): Promise<void> {
  const { runId } = await app.service.startRun('short', null)
  expect(await endOf(app.service, runId, 10_000)).toBe('completed')
}

describe.each(worlds)('on $name', ({ openWorld }) => {
  beforeAll(async () => {
    released = Promise.withResolvers()
    world = await openWorld()
    // No sweep of an hour ahead: whatever moves here was moved by a message.
    app = await openApp(world, parts, { timing: { redispatchAfterMs: hour } })
    forger = forgerOf(world)
  })
  afterAll(() => world?.drop())
  afterAll(async () => {
    released.resolve()
    await forger?.close()
    await app?.close()
  })

  test('F51: messages forged for the workflow queues run nothing and write nothing', { timeout }, async () => {
    const ids = await startVictims()
    await drained(orchestrator, worker)
    const before = await record(ids)
    const called = [...calls]
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(anyJson, nearlyRight(ids), nearlyRight(ids)), { minLength: 60, maxLength: 100 }), async (messages) => {
        await Promise.all([orchestrator, worker].map((queue) => forger.send(queue, messages)))
        await drained(orchestrator, worker)
        expect(calls).toEqual(called)
        expect(await record(ids)).toEqual(before)
      }),
      { numRuns: 5 * times, endOnFailure: true },
    ) // prettier-ignore
    expect(app.lines.filter((line) => /\p{Cc}/u.test(line))).toEqual([])
    await works()
    expect(calls.slice(called.length).map((call) => call.split(' ')[0])).toEqual(['charge'])
    released.resolve()
    expect(await endOf(app.service, ids[0] ?? '')).toBe('completed')
    expect(calls.filter((call) => call.startsWith('secret'))).toEqual([])
  })

  test('jobs forged for a queue of the app end, whatever they are, and hold nobody up', { timeout }, async () => {
    const good = {
      pikku: 1,
      v: '[{"to":1},"a@b.c"]',
      keep: [60, 60],
      attempts: 1,
      backoff: { type: 'fixed', delayMs: 0 },
    }
    const bent = fc.record(
      {
        pikku: fc.constantFrom<unknown>(1, 2, '1'),
        v: fc.constantFrom<unknown>(good.v, '', '[', '[[["x"]]]', '[{"__proto__":1},2]', '[["Class",1],["Nobody",0]]', null, 7, '['.repeat(20_000)),
        id: fc.constantFrom<unknown>('"mine"', 'no JSON', '["my id"]', 7, null, '{"a":1}'),
        keep: fc.constantFrom<unknown>(good.keep, [], [1], 'long', null, [0, 0], [NaN, 'x'], [-1, -1], [1e308, 1e308]),
        attempts: fc.constantFrom<unknown>(1, 0, -1, 1e9, 'many', null),
        backoff: fc.constantFrom<unknown>(good.backoff, {}, null, 'fixed', { type: 'wild', delayMs: 1 }, { type: 'fixed', delayMs: 'x' }, { type: 'exponential', delayMs: -1 }),
        progress: fc.constantFrom<unknown>('[1]', 'no JSON', 7),
      },
      { requiredKeys: ['pikku'] },
    ) // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(anyJson, bent, bent), { minLength: 40, maxLength: 60 }), async (messages) => {
        await forger.send('mail', messages)
        const id = await app.queueService.add('mail', { to: 'good' })
        const job = await app.queueService.getJob('mail', id)
        expect(await job?.waitForCompletion(20_000)).toEqual({ to: 'good' })
        await drained('mail')
      }),
      { numRuns: 4 * times, endOnFailure: true },
    )
    await works()
  })

  test('a job that can never be read is not tried as often as its forger asks for', async () => {
    const before = calls.length
    const envelope = { pikku: 1, keep: [60, 60], attempts: 1_000_000, backoff: { type: 'fixed', delayMs: 0 } }
    await forger.send('mail', [{ ...envelope, v: 'garbage' }], { attempts: 1_000_000 })
    await drained('mail')
    expect(calls).toHaveLength(before)
  })

  test('keys that no queue wrote are put away, not handed out for ever', async () => {
    const { raw } = world
    if (raw.kind !== 'redis') return
    const { redis, queuePrefix } = raw
    const broken = [
      { data: '{bad' },
      { data: '{}', opts: 'no JSON' },
      { data: '{}', opts: 'null' },
      { data: '{}', progress: '{' },
      { data: '{}', parent: '{' },
      { name: 'no data at all' },
    ]
    for (const queue of [orchestrator, worker, 'mail']) {
      const key = `${queuePrefix}:{${queue}}`
      for (const [index, fields] of broken.entries()) {
        await redis.hset(`${key}:broken\n${index}`, { name: 'x', timestamp: Date.now(), ...fields })
        await redis.lpush(`${key}:wait`, `broken\n${index}`)
      }
      await redis.lpush(`${key}:wait`, 'nothing-there')
      await redis.zadd(`${key}:marker`, 0, '0')
    }
    await drained(orchestrator, worker, 'mail')
    expect(app.lines.filter((line) => /\p{Cc}/u.test(line))).toEqual([])
    expect(app.lines.some((line) => line.includes("job 'broken\\n0' cannot be read; removed"))).toBe(true)
    await works()
    const id = await app.queueService.add('mail', 'after')
    expect(await (await app.queueService.getJob('mail', id))?.waitForCompletion(10_000)).toBe('after')
  })
})
