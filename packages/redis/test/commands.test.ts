import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import type { RedisCluster } from '@pikku/tooling/redis-cluster'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { RedisServer } from '@pikku/tooling/redis'
import commands from '../commands.json' with { type: 'json' }
import { readScripts, renderScripts } from '../scripts/build-lua.mjs'
import { RedisWorkflowService } from '../src/index.ts'
import { openRedis, quiet, redisUrl, rightsOf } from './redis-harness.ts'
import type { RedisHarness } from './redis-harness.ts'
import { registryOf } from './support/app.ts'

const oldest = '6.2.0'
const all: Readonly<Record<string, string>> = { ...commands.scripts, ...commands.client }

/** Every command of a script, by its name; the rest of them are calls that this test cannot see through. */
function callsOf(text: string): { named: string[]; calls: number } {
  const found = [...text.matchAll(/redis\.call\('([A-Z]+)'(?:, '([A-Z]+)')?/g)]
  const named = found.map(([, command = '', sub]) =>
    (command === 'CLUSTER' ? `${command}|${sub}` : command).toLowerCase(),
  )
  return { named, calls: text.match(/redis\.p?call\(/g)?.length ?? 0 }
}

describe('the scripts', () => {
  const texts = readScripts().map(({ name, pieces }) => ({ name, text: pieces.join('') }))

  it.each(texts)('$name calls only what commands.json lists', ({ text }) => {
    const { named, calls } = callsOf(text)
    expect(named).toHaveLength(calls)
    expect(named.filter((command) => !(command in commands.scripts))).toEqual([])
  })

  it('commands.json lists nothing that no script calls', () => {
    const called = new Set(texts.flatMap(({ text }) => callsOf(text).named))
    expect(Object.keys(commands.scripts).sort()).toEqual([...called].sort())
  })

  it('are baked in as they stand in lua/', () => {
    expect(readFileSync(new URL('../src/scripts.gen.ts', import.meta.url), 'utf8')).toBe(renderScripts())
  })
})

describe('the list', () => {
  it.each(Object.entries(all))(
    '%s is there since %s, as the server says, and not newer than 6.2',
    async (name, since) => {
      expect(since.localeCompare(oldest, 'en', { numeric: true })).toBeLessThanOrEqual(0)
      const redis = new Redis(redisUrl())
      try {
        const [command = '', sub] = name.split('|')
        const docs = (await redis.call('command', 'docs', command)) as [string, unknown[]]
        const about = new Map(pairsOf(docs[1]))
        const subs = new Map(pairsOf((about.get('subcommands') ?? []) as unknown[]))
        const found = sub === undefined ? about : new Map(pairsOf((subs.get(name) ?? []) as unknown[]))
        expect(found.get('since')).toBe(since)
      } finally {
        redis.disconnect()
      }
    },
  )

  it('is what the README gives a user the rights to', () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    expect(readme).toContain(`ACL SETUSER workflows on >password ${rightsOf('workflows').join(' ')}`)
  })
})

function pairsOf(flat: unknown[]): [unknown, unknown][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at], flat[2 * at + 1]])
}

const registry = registryOf({
  workflows: {
    all: async ({ workflow }) => {
      await workflow.do('inline', () => 1)
      await workflow.do('rpc', 'work', 1)
      await workflow.sleep('nap', 5)
      return 2
    },
  },
  functions: { work: () => 1 },
})

/** What a process does in its life: of each part of the port something. */
async function live({ given, prefix, ports, nodes }: RedisHarness): Promise<void> {
  const service = new RedisWorkflowService(given, undefined, prefix, { timing: { sweepMs: 50 } })
  service.bind({ workflowService: service, logger: quiet }, registry)
  const { runId } = await service.startRun('all', null)
  expect(await service.waitForRun(runId)).toBe(2)
  await ports.reader.listRuns({ limit: 9, workflow: 'all', statuses: ['completed'] })
  await ports.reader.listSteps(runId)
  await ports.reader.listAttempts(runId)
  const { run } = await ports.store.createRun({ runId: 'x', workflow: 'w', input: '1', inputDigest: '', tags: [] })
  await ports.store.signalRun({ kind: 'signal', runId: run.runId, signalId: 's', name: 'n', payload: '1' })
  await ports.store.enlist('somebody')
  await ports.store.sweep({ limit: 9, redispatchAfterMs: 1_000, graceMs: 1_000, known: [] })
  await ports.store.cancelRun(run.runId, 'enough')
  await Promise.all(nodes.map((node) => node.script('FLUSH')))
  expect(await ports.admin.deleteRuns({ finishedBefore: Date.now() + 60_000, limit: 9 })).toBe(2)
  await service.close()
}

async function usedOf(nodes: readonly Redis[]): Promise<Set<string>> {
  const stats = await Promise.all(nodes.map((node) => node.info('commandstats')))
  return new Set(stats.flatMap((text) => [...text.matchAll(/^cmdstat_([^:]+):/gm)].map(([, name = '']) => name)))
}

/** What the tests themselves ask. */
const ofTests = ['acl|setuser', 'config|resetstat', 'script|flush', 'client|setinfo']
/** What a replica asks its master, and what it does of its own: the effects of a script are one transaction. */
const ofReplicas = ['auth', 'exec', 'multi', 'psync', 'replconf', 'cluster|nodes']

describe('what is sent', () => {
  let server: RedisServer
  let cluster: RedisCluster
  beforeAll(async () => {
    server = await startFreshRedis()
    cluster = await startRedisCluster()
  }, 60_000)
  afterAll(async () => {
    await server.dispose()
    await cluster.dispose()
  })

  it('to a server is listed', { timeout: 30_000 }, async () => {
    const harness = await openRedis({ server: server.url, buckets: 3 })
    await live(harness)
    const used = await usedOf(harness.nodes)
    expect([...used].filter((name) => !(name in all) && !ofTests.includes(name))).toEqual([])
    for (const name of [
      'evalsha',
      'eval',
      'hello',
      'info',
      'subscribe',
      'publish',
      'pubsub|numsub',
      'hmget',
      'unlink',
    ]) {
      expect(used, name).toContain(name)
    }
    await harness.dispose()
  })

  it('to a cluster is listed, and what is listed is sent', { timeout: 30_000 }, async () => {
    const harness = await openRedis({ cluster })
    await Promise.all(harness.nodes.map((node) => node.config('RESETSTAT')))
    await live(harness)
    const used = await usedOf(harness.nodes)
    // Not `readonly`: it is sent to a replica, and whether one is asked for the slots ioredis leaves to chance.
    for (const name of ['cluster|slots', 'cluster|info']) expect(used, name).toContain(name)
    const foreign = [...ofTests, ...ofReplicas]
    expect([...used].filter((name) => !(name in all) && !foreign.includes(name))).toEqual([])
    await harness.dispose()
  })
})
