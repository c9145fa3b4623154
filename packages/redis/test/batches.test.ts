import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Committed, NewRun, RunClaim, RunId, StepPlan, StorePorts, Turn } from '@pikku/core/contract'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { RedisServer } from '@pikku/tooling/redis'
import type { Link } from '../src/link.ts'
import { openLink } from '../src/open-link.ts'
import { RedisReader } from '../src/redis-reader.ts'
import { RedisWorkflowStore } from '../src/redis-workflow-store.ts'
import { freshPrefix, quiet, removeKeys, until } from './redis-harness.ts'

const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }
const newRun = (runId: RunId, input = '1'): NewRun => ({ runId, workflow: 'order', input, inputDigest: '', tags: [] })

describe('the calls of one turn of the event loop', { timeout: 60_000 }, () => {
  let server: RedisServer
  let redis: Redis
  let prefix: string
  let link: Link
  let store: StorePorts['store']
  let reader: StorePorts['reader']

  beforeAll(async () => {
    server = await startFreshRedis({ settings: { appendonly: 'no' } })
    redis = new Redis(server.url)
  })
  afterAll(async () => {
    redis.disconnect()
    await server.dispose()
  })
  beforeEach(async () => {
    prefix = freshPrefix()
    link = openLink(server.url, prefix, { leaseMs: 60_000, logger: quiet, lookAgainMs: Infinity })
    store = new RedisWorkflowStore(link, () => link.close())
    reader = new RedisReader(link)
    await store.createRun(newRun('first'))
  })
  afterEach(async () => {
    await store.close()
    await removeKeys(redis, prefix)
  })

  const ids = (count: number): RunId[] => Array.from({ length: count }, (_, at) => `run-${at}`)
  const create = (runIds: readonly RunId[], input?: string) =>
    Promise.all(runIds.map((runId) => store.createRun(newRun(runId, input))))

  async function claim(runId: RunId): Promise<RunClaim> {
    const ask = { runId, owner: 'worker', claimId: crypto.randomUUID(), leaseMs: 60_000, known, after: 0, limit }
    const answer = await store.claimRun(ask)
    if (!answer || 'ended' in answer) throw new Error(`${runId} was not claimed`)
    return answer
  }

  function commit({ lease, history }: RunClaim, over: Partial<Turn> = {}): Promise<Committed> {
    const turn = { number: 1, after: history.revision, codeHash: 'code-1', schedule: [], record: [] }
    return store.commitRun(lease, { ...turn, next: { kind: 'hold' }, ...over })
  }

  const recordOf = (ordinal: number): Turn['record'][number] => ({
    id: { name: 'step', ordinal },
    askedAfter: 0,
    attempt: 1,
    outcome: { kind: 'succeeded', output: `${ordinal}`, durationMs: 1 },
  })

  const plan = (name: string): StepPlan => {
    const asked = { kind: 'rpc', id: { name, ordinal: 0 }, askedAfter: 0, rpcName: 'work', inputDigest: '' } as const
    return { ...asked, input: '"x"', policy: { retries: 3, retryDelayMs: 0 } }
  }

  /** How many scripts the server ran meanwhile. */
  async function scriptsOf(act: () => Promise<unknown>): Promise<number> {
    const count = async (): Promise<number> => {
      const stats = await redis.info('commandstats')
      return ['eval', 'evalsha'].reduce(
        (sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
        0,
      )
    }
    const before = await count()
    await act()
    return (await count()) - before
  }

  test('travel together: one alone is one script, fifty commits are three', async () => {
    await create(ids(50))
    const claims = await Promise.all(ids(50).map(claim))
    const [one, ...others] = claims
    if (!one) throw new Error('nothing was claimed')
    // The server may not know the script yet.
    await commit(one, { record: [recordOf(0)] })
    expect(
      await scriptsOf(() => commit(one, { number: 2, after: one.history.revision + 1, record: [recordOf(1)] })),
    ).toBe(1)
    const commits = others.map((claimed) => () => commit(claimed, { record: [recordOf(0)] }))
    expect(await scriptsOf(() => Promise.all(commits.map((make) => make())))).toBeLessThanOrEqual(3)
    expect(await reader.listSteps('run-49')).toMatchObject([{ status: 'succeeded', output: '0' }])
  })

  test('have their own answers and errors: one whose keys are not ours touches no other', async () => {
    await redis.set(`${prefix}:{0}:run:run-3`, 'not ours')
    let answers: PromiseSettledResult<{ created: boolean }>[] = []
    const made = await scriptsOf(async () => {
      answers = await Promise.allSettled(ids(10).map((runId) => store.createRun(newRun(runId))))
    })
    expect(made).toBe(1)
    const refused = answers.flatMap((answer, at) => (answer.status === 'rejected' ? [[at, `${answer.reason}`]] : []))
    expect(refused).toEqual([[3, expect.stringContaining('WRONGTYPE')]])
    expect((await reader.getRun('run-9'))?.status).toBe('running')
  })

  test('are done in their order for each run, however many scripts they make', async () => {
    await create(ids(5))
    const claims = await Promise.all(ids(5).map(claim))
    const answers = await Promise.all(
      claims.flatMap((claimed) =>
        Array.from({ length: 40 }, (_, at) =>
          commit(claimed, {
            number: at + 1,
            record: [recordOf(at)],
            after: claimed.history.revision + at,
          }),
        ),
      ),
    )
    expect(answers.every(({ released }) => !released)).toBe(true)
    for (const runId of ids(5)) {
      const steps = await reader.listSteps(runId)
      expect(steps.map(({ id }) => id.ordinal)).toEqual(Array.from({ length: 40 }, (_, at) => at))
      const seqs = steps.map(({ settledSeq }) => settledSeq ?? 0)
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
    }
  })

  test('A13: the answer of a batch is lost, and each is answered as the first time', async () => {
    await create(ids(20))
    const claims = await Promise.all(ids(20).map(claim))
    const send = link.client.send.bind(link.client)
    let lost = 0
    link.client.send = async (command, deadline) => {
      const answer = await send(command, deadline)
      if (lost >= 2) return answer
      lost += 1
      throw Object.assign(new Error('the answer is lost'), { code: 'NO_ANSWER' })
    }
    const answers = await Promise.all(claims.map((claimed) => commit(claimed, { record: [recordOf(0)] })))
    expect(lost).toBe(2)
    for (const [at, answer] of answers.entries()) {
      const steps = await reader.listSteps(`run-${at}`)
      expect(steps).toHaveLength(1)
      expect(answer).toMatchObject({ released: false, recorded: [{ settledSeq: steps[0]?.settledSeq }], steps: [] })
    }
  })

  test('a script that was forgotten is sent anew, with all of them', async () => {
    await redis.script('FLUSH')
    expect((await create(ids(40))).every(({ created }) => created)).toBe(true)
  })

  test('a server without memory refuses each of them whole, and each is done when it has some', async () => {
    await redis.config('SET', 'maxmemory', '1')
    const creating = create(ids(20))
    await until(async () => Number(/errorstat_OOM:count=(\d+)/.exec(await redis.info('errorstats'))?.[1]) > 20)
    expect((await redis.keys(`${prefix}:{0}:run:run-*`)).length).toBe(0)
    await redis.config('SET', 'maxmemory', '0')
    expect((await creating).every(({ created }) => created)).toBe(true)
  })

  test('large ones are sent by themselves', async () => {
    const large = JSON.stringify('x'.repeat(100_000))
    expect(await scriptsOf(() => create(ids(8), large))).toBe(8)
  })

  test('those that have much to read are answered one by one: the server waits for nobody', async () => {
    await create(ids(6))
    const schedule = Array.from({ length: 200 }, (_, at) => plan(`s${at}`))
    for (const runId of ids(6)) {
      await commit(await claim(runId), { schedule, next: { kind: 'yield', delayMs: 0 } })
    }
    let claims: RunClaim[] = []
    const made = await scriptsOf(async () => (claims = await Promise.all(ids(6).map(claim))))
    expect(claims.map(({ history }) => history.steps.length)).toEqual(ids(6).map(() => 200))
    expect(made).toBe(6)
  })

  test('nor for those whose inputs are large', async () => {
    const input = JSON.stringify('x'.repeat(60_000))
    for (const runId of ids(40)) await store.createRun(newRun(runId, input))
    const claimed = await scriptsOf(() => Promise.all(ids(40).map(claim)))
    const shown = await scriptsOf(() => create(ids(40)))
    expect(Math.min(claimed, shown)).toBeGreaterThan(3)
  })

  test('a row of which the rest is read later keeps what was changed before: the numbering that another server begins', async () => {
    await create(ids(1))
    await commit(await claim('run-0'), { schedule: [plan('s')] })
    const ask = { runId: 'run-0', step: { name: 's', ordinal: 0 }, owner: 'worker', claimId: 'c', leaseMs: 60_000 }
    link.client.serverId = () => Promise.resolve('feedbeef')
    const claimed = await store.claimStep({ ...ask, known: ['work'], limit })
    if (!claimed) throw new Error('the step was not claimed')
    link.client.serverId = () => Promise.resolve('deadbeef')
    await store.settleStep(claimed.lease, { kind: 'retry', error: '1', delayMs: 0, durationMs: 1 })
    const [node, floor] = await redis.hmget(`${prefix}:{0}:run:run-0`, 'node', 'floor')
    // Twice a million.
    expect([node, Number(floor) > 2_000_000]).toEqual(['deadbeef', true])
  })
})
