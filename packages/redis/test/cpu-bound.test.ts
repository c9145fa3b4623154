import { randomUUID } from 'node:crypto'
import { AppProcess } from '@pikku/tooling/app-process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openRedis, redisUrl, until, type RedisHarness } from './redis-harness.ts'

const program = new URL('support/child.ts', import.meta.url)

const leaseMs = 1_000

let redis: RedisHarness
let processes: AppProcess[]

beforeEach(async () => {
  redis = await openRedis()
  processes = []
})

afterEach(async () => {
  await Promise.all(processes.map((process) => process.kill()))
  await redis.dispose()
})

async function start(name: string, blockMs = 0): Promise<AppProcess> {
  const process = new AppProcess(program, { name, url: redisUrl(), place: redis.prefix, leaseMs, blockMs })
  processes.push(process)
  await process.has('ready')
  return process
}

const entries = (): number => processes.reduce((sum, process) => sum + process.count('entered'), 0)

const statusOf = async (runId: string): Promise<string | undefined> => (await redis.ports.reader.getRun(runId))?.status

/** The end of the lease that the run or its step is under, by the server's clock. */
async function leaseUntil(runId: string, workflow: 'inline' | 'rpc'): Promise<number> {
  const row = workflow === 'inline' ? `run:${runId}` : `step:1:${runId}`
  return Number(await redis.nodes[0]?.hget(`${redis.prefix}:{0}:${row}`, 'leaseUntil'))
}

describe.each(['inline', 'rpc'] as const)('a step (%s) that holds the main thread', (workflow) => {
  it('A22: is executed once, however much longer than the lease it takes', { timeout: 60_000 }, async () => {
    const runId = randomUUID()
    const [busy, waiting] = await Promise.all([start('busy', 5 * leaseMs), start('waiting')])
    busy.tell({ kind: 'start', workflow, input: 'block', runId })
    await busy.has('entered')

    // The process that runs it can do nothing now; somebody moves the end of its lease.
    const seen = new Set<number>()
    await until(async () => seen.add(await leaseUntil(runId, workflow)).size >= 3, 20_000)
    expect(busy.count('left'), 'the step is still at it').toBe(0)

    await until(async () => (await statusOf(runId)) === 'completed', 30_000)
    expect(entries()).toBe(1)
    expect(waiting.count('entered')).toBe(0)
    expect(await redis.ports.reader.getRun(runId)).toMatchObject({ output: '["busy"]', crashes: 0 })
    const attempts = await redis.ports.reader.listAttempts(runId)
    expect(attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([[1, 'succeeded']])
  })
})

describe.each(['inline', 'rpc'] as const)('a killed process with a step (%s)', (workflow) => {
  it('F10: is missed long before its lease is over', { timeout: 60_000 }, async () => {
    const runId = randomUUID()
    const doomed = new AppProcess(program, {
      name: 'doomed',
      url: redisUrl(),
      place: redis.prefix,
      leaseMs: 60_000,
      blockMs: 0,
    })
    processes.push(doomed)
    await doomed.has('ready')
    doomed.tell({ kind: 'start', workflow, input: 'wait', runId })
    await doomed.has('entered')
    const taker = await start('taker')
    await doomed.kill()
    const since = performance.now()
    await taker.has('entered')
    expect(performance.now() - since).toBeLessThan(5_000)
    taker.tell({ kind: 'release' })
    await until(async () => (await statusOf(runId)) === 'completed', 30_000)
    expect(await redis.ports.reader.getRun(runId)).toMatchObject({ output: '["taker"]' })
  })
})

describe.each(['inline', 'rpc'] as const)('a frozen process with a step (%s)', (workflow) => {
  it('A22: is taken over after its lease, and achieves nothing when it wakes', { timeout: 60_000 }, async () => {
    const runId = randomUUID()
    const frozen = await start('frozen')
    frozen.tell({ kind: 'start', workflow, input: 'wait', runId })
    await frozen.has('entered')
    frozen.signal('SIGSTOP')
    const taker = await start('taker')
    await taker.has('entered')
    expect(await statusOf(runId)).toBe('running')

    // It finds the word to go on when it wakes, before it learns that it has lost the lease.
    frozen.tell({ kind: 'release' })
    frozen.signal('SIGCONT')
    await frozen.has('left')
    await until(() => frozen.told.some((told) => told.kind === 'event' && told.event !== 'step-started'))
    const attemptsOf = async (): Promise<unknown[]> => {
      const attempts = await redis.ports.reader.listAttempts(runId)
      return attempts.map(({ attempt, outcome, output }) => [attempt, outcome, output])
    }
    const lost = workflow === 'rpc' ? [[1, 'lost', null]] : []
    expect(await attemptsOf()).toEqual(lost)
    expect(await statusOf(runId)).toBe('running')

    taker.tell({ kind: 'release' })
    await until(async () => (await statusOf(runId)) === 'completed', 30_000)
    expect(await redis.ports.reader.getRun(runId)).toMatchObject({ output: '["taker"]' })
    expect(await attemptsOf()).toEqual([...lost, [workflow === 'rpc' ? 2 : 1, 'succeeded', '["taker"]']])
    expect(entries()).toBe(2)
  })
})
