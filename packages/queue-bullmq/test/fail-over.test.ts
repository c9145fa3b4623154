import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { createRegistry, defineFunction, defineWorkflow } from '@pikku/core'
import type { FunctionConfig, WorkflowConfig, WorkflowContext } from '@pikku/core'
import { RedisWorkflowService } from '@pikku/redis'
import { startRedisCluster, type RedisCluster } from '@pikku/tooling/redis-cluster'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BullQueueService, BullQueueWorkers } from '../src/index.ts'
import { quiet } from './engine-world.ts'
import { succeeds, until } from './support.ts'

interface Body {
  readonly workflow: Pick<WorkflowContext, 'runId' | 'sleep'> & {
    do(name: string, what: string | (() => unknown), data?: unknown, options?: object): Promise<string>
  }
}
type Output = Readonly<Record<string, string>>

/** Every step answers something that it would not answer a second time: what is done again is seen. */
const functions: Readonly<Record<string, (services: object) => unknown>> = {
  once: () => randomUUID(),
  flaky: (services) => {
    const { workflowStep } = services as { workflowStep: { attemptCount: number } }
    if (workflowStep.attemptCount === 1) throw new Error('the first time')
    return randomUUID()
  },
}

const bodies: Readonly<Record<string, (services: Body) => Promise<Output>>> = {
  rpc: async ({ workflow }) => ({
    a: await workflow.do('a', 'once', null),
    b: await workflow.do('b', 'once', null),
    c: await workflow.do('c', 'once', null),
  }),
  inline: async ({ workflow }) => {
    const output: Record<string, string> = {}
    for (const name of 'abcdefgh') output[name] = await workflow.do(name, () => delay(80).then(() => randomUUID()))
    return output
  },
  sleep: async ({ workflow }) => {
    const a = await workflow.do('a', () => randomUUID())
    await workflow.sleep('nap', 1_500)
    return { a, b: await workflow.do('b', 'once', null) }
  },
  retry: async ({ workflow }) => {
    const flaky = workflow.do('a', 'flaky', null, { retries: 3, retryDelay: 300 })
    const [a, b] = await Promise.all([flaky, workflow.do('b', 'once', null)])
    return { a, b }
  },
}
const workflowNames = Object.keys(bodies)
const prefix = 'fail-over'
/** The buckets' slots are spread evenly: the first third is on the first of three masters. */
const isOfDead = (runId: string): boolean => crc32(runId) % 64 <= 20
/** The bucket on the border may be there, too. */
const isPerhapsOfDead = (runId: string): boolean => crc32(runId) % 64 <= 21

/** From when somebody asked until it was answered. */
interface Span {
  readonly from: number
  readonly to: number
}

function overlap(one: Span, other: Span): boolean {
  return one.from <= other.to && other.from <= one.to
}

/**
 * Results of steps, as somebody saw them. Those that were seen in the lost moment may be replaced by others, once and after
 * it; all others never.
 */
class Seen {
  readonly broken: string[] = []
  replaced = 0
  readonly #lost: Span
  readonly #results = new Map<string, { readonly result: unknown; readonly span: Span }>()

  constructor(lost: Span) {
    this.#lost = lost
  }

  note({ runId, step, result }: { runId: string; step: string; result: unknown }, span: Span): void {
    const key = `${runId} ${step}`
    const before = this.#results.get(key)
    if (!before) return void this.#results.set(key, { result, span })
    if (before.result === result) return
    if (!isPerhapsOfDead(runId) || !overlap(before.span, this.#lost)) this.broken.push(key)
    this.replaced += 1
    this.#results.set(key, { result, span })
  }
}

describe('a master of a Cluster is killed under load', { timeout: 120_000 }, () => {
  let servers: RedisCluster
  let nodes: Redis[]
  let given: Cluster
  const closing: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    servers = await startRedisCluster()
    nodes = [...servers.masters, servers.replica].map(({ url }) => new Redis(url).on('error', () => undefined))
    given = new Cluster([...servers.nodes], { lazyConnect: true, redisOptions: { password: servers.password } })
  }, 60_000)
  afterAll(async () => {
    await Promise.all(closing.map((close) => close()))
    for (const node of nodes) node.disconnect()
    await servers.dispose()
  }, 60_000)

  const [master, replica] = [(): Redis => nodes[0] as Redis, (): Redis => nodes[3] as Redis]

  /** Whose keys are on the master that dies. */
  async function queueName(what: string): Promise<string> {
    for (let i = 0; ; i++) {
      const name = `${what}-${i}`
      if (Number(await master().call('cluster', 'keyslot', `{${name}}`)) < 5_000) return name
    }
  }

  async function openServices(onCompleted: (runId: string) => void): Promise<RedisWorkflowService[]> {
    const registry = createRegistry({
      functions: Object.fromEntries(
        Object.entries(functions).map(([name, func]) => [name, defineFunction({ func }) as FunctionConfig]),
      ),
      workflows: Object.entries(bodies).map(([name, func]) => {
        return { name, func: defineWorkflow({ func: func as never }) as WorkflowConfig }
      }),
      queues: { orchestrator: await queueName('orchestrator'), worker: await queueName('step-worker') },
    })
    const services = []
    for (let i = 0; i < 4; i++) {
      const queueService = new BullQueueService(given, { prefix, logger: quiet })
      const observer = {
        onEvent: (event: { kind: string; runId?: string }) => {
          if (event.kind === 'run-completed') onCompleted(event.runId ?? '')
        },
      }
      const workflowService = new RedisWorkflowService(given, queueService, prefix, { observer })
      const bag = { workflowService, queueService, logger: quiet }
      workflowService.bind(bag, registry)
      const workers = new BullQueueWorkers(bag)
      // The first only starts runs, and looks at them.
      if (i > 0) await workers.registerQueues()
      closing.push(async () => {
        await workers.close({ graceMs: 0 })
        await workflowService.close({ graceMs: 0 })
        await queueService.close()
      })
      services.push(workflowService)
    }
    return services
  }

  async function replicatedOffset(node: Redis, field: string): Promise<number> {
    return Number(new RegExp(`${field}:(\\d+)`).exec(await node.info('replication'))?.[1])
  }

  /** Makes the master answer for `ms` what its replica does not get, then kills it. */
  async function killAhead(lost: { from: number; to: number }, ms: number): Promise<void> {
    const mark = performance.now()
    const offset = await replicatedOffset(master(), 'master_repl_offset')
    await until('the replica has it', async () => (await replicatedOffset(replica(), 'slave_repl_offset')) >= offset)
    lost.from = mark
    await replica().call('config', 'set', 'masterauth', 'not any more')
    await replica().call('client', 'kill', 'type', 'master')
    await delay(ms)
    await servers.masters[0]?.kill()
    lost.to = performance.now()
  }

  test('every run ends as it should, and what was recorded stays', async () => {
    // What the master answers from `from` on is not known to its replica; at `to` it is dead.
    const lost = { from: Infinity, to: Infinity }
    const seen = new Seen(lost)
    const completedAt: { readonly runId: string; readonly at: number }[] = []
    const services = await openServices((runId) => completedAt.push({ runId, at: performance.now() }))
    const [starter] = services
    if (!starter) throw new Error('there are no services')
    const born = new Map<string, Span>()
    let isOver = false

    let started = 0
    const start = async (): Promise<void> => {
      const runId = `run-${(started += 1)}`
      const name = workflowNames[started % workflowNames.length] ?? ''
      const from = performance.now()
      const isTaken = (): Promise<boolean> => succeeds(() => starter.startRun(name, null, { runId }))
      await until('a run is taken', isTaken, 30_000)
      born.set(runId, { from, to: performance.now() })
    }
    const startAll = async (): Promise<void> => {
      const starts = Array.from({ length: 300 }, start)
      while (!isOver) {
        starts.push(start())
        await delay(15)
      }
      await Promise.all(starts)
    }
    const look = async (runId: string): Promise<void> => {
      const from = performance.now()
      const history = await starter.getRunHistory(runId)
      const span = { from, to: performance.now() }
      for (const { stepName, status, result } of history) {
        if (status === 'succeeded') seen.note({ runId, step: stepName, result }, span)
      }
    }
    const lookAround = async (): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        const runIds = [...born.keys()]
        const runId = runIds[(i * 7) % Math.max(1, runIds.length)]
        // A run that is gone has no history, and a master that is away tells none.
        if (runId) await succeeds(() => look(runId))
        await delay(2)
      }
    }

    const background = [startAll(), lookAround(), lookAround()]
    await until('runs are under way', () => born.size >= 300, 60_000)
    const inFlight = born.size - completedAt.length
    expect(inFlight).toBeGreaterThan(100)
    await killAhead(lost, 300)
    const endings = (): number[] =>
      completedAt.filter(({ runId, at }) => isOfDead(runId) && at > lost.to).map(({ at }) => at)
    await until('runs of the dead master end', () => endings().length > 0, 60_000)
    await delay(2_000)
    isOver = true
    await Promise.all(background)

    const vanished: string[] = []
    for (const [runId, span] of born) {
      if ((await starter.getRun(runId)) !== null) continue
      expect(isPerhapsOfDead(runId) && overlap(span, lost), `run ${runId} is gone`).toBe(true)
      vanished.push(runId)
    }
    const runIds = [...born.keys()].filter((runId) => !vanished.includes(runId))
    for (const runId of runIds) {
      const output = (await starter.waitForRun(runId, { timeout: '60s' })) as Output
      const history = await starter.getRunHistory(runId)
      const recorded = history.filter(({ status }) => status === 'succeeded')
      expect(Object.fromEntries(recorded.map(({ stepName, result }) => [stepName, result])), runId).toEqual(output)
      expect(recorded, runId).toHaveLength(Object.keys(output).length)
      await look(runId)
    }
    const endedMs = performance.now() - lost.to
    const taken = [...born].filter(([runId, { from }]) => isOfDead(runId) && from > lost.to).map(([, { to }]) => to)
    const afterMs = (times: readonly number[]): number => Math.round(Math.min(...times) - lost.to)
    expect(seen.broken).toEqual([])
    console.info(
      `${born.size} runs, ${inFlight} of them in flight, ${[...born.keys()].filter(isOfDead).length} of the dead master; ${vanished.length} were gone and ` +
        `${seen.replaced} results seen in the lost ${Math.round(lost.to - lost.from)} ms replaced; runs are taken again after ` +
        `${afterMs(taken)} ms, end again after ${afterMs(endings())} ms, have all ended after ${Math.round(endedMs)} ms`,
    )
    // Started once more, with the same id, they are as any other.
    for (const runId of vanished) await starter.startRun('rpc', null, { runId })
    for (const runId of vanished) await starter.waitForRun(runId, { timeout: '20s' })
  })
})
