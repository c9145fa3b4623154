import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { startFreshPostgres, type PostgresServer } from '@pikku/tooling/postgres'
import { startFreshRedis, type RedisServer } from '@pikku/tooling/redis'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { checkPage, pages } from '../../scripts/docs-fences.mjs'
import { runPikku } from '../harness/generate.ts'
import { TestProcess } from '../harness/processes.ts'

const root = path.resolve(import.meta.dirname, '../..')
const cwd = path.join(root, 'docs/examples')
const read = (file: string) => fs.readFileSync(path.join(root, file), 'utf8')

describe('the pages', () => {
  test.each(pages())('%s: every fence is what its source says (scripts/docs-fences.mjs --update writes it)', (page) => {
    expect(checkPage(page, read(page)).problems).toEqual([])
  })

  test('a fence without a source, or with another text, is found', () => {
    const problems = (text: string) => checkPage('page.md', text).problems
    expect(problems('```ts\nfoo()\n```')).toEqual([expect.stringContaining('page.md:1  has no source')])
    const source = '<!-- source: docs/examples/pikku.config.json -->\n\n'
    expect(problems(`${source}\`\`\`json\n{}\n\`\`\``)).toEqual([
      expect.stringContaining('is not what its source says'),
    ])
    expect(problems('```text\nanything\n```')).toEqual([])
  })

  const linking = [...pages(), ...fs.readdirSync(path.join(root, 'docs/adr')).map((name) => `docs/adr/${name}`)]
  test.each(linking)('%s: every link leads to a file', (page) => {
    const targets = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, target = '']) => target)
    // What a package's README says is read on the registry as well, so it links to the repository in full.
    const repository = /\]\(https:\/\/github\.com\/pikku-org\/pikku-workflows\/(?:blob|tree)\/main\/([^)#]+)/g
    const inFull = [...read(page).matchAll(repository)].map(([, target = '']) => path.join(root, target))
    const files = [...targets.map((target) => path.resolve(root, path.dirname(page), target)), ...inFull]
    expect(files.filter((file) => !fs.existsSync(file))).toEqual([])
  })

  test('the guarantee stands in the README and in the guide, word for word', () => {
    const guarantee =
      /a step's result is recorded exactly once and never changes; a step is [*_]attempted[*_] at least once — a crash between its side effect and its record runs it again, with the same `invocationId`, which is what makes outside effects idempotent\./
    expect(read('README.md')).toMatch(guarantee)
    expect(read('docs/retries-and-crashes.md')).toMatch(guarantee)
  })
})

describe('the examples', () => {
  let server: PostgresServer
  let redis: RedisServer
  let worker: TestProcess
  let env: NodeJS.ProcessEnv

  beforeAll(async () => {
    // A server of its own: the examples' database is called `myapp`, and nobody's `myapp` is to be touched.
    server = await startFreshPostgres()
    const sql = postgres(server.url, { max: 1 })
    await sql.unsafe('create database myapp')
    await sql.end()
    // As docs/redis.md asks for it; the examples name no password.
    const lines = read('docs/examples/redis.conf').matchAll(/^([a-z-]+) (.+)$/gm)
    const settings = Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]))
    redis = await startFreshRedis({ settings: { ...settings, user: 'default on nopass ~* &* +@all' } })
    env = {
      NODE_OPTIONS: `--import=${path.join(root, 'conformance/document/reroute.mjs')}`,
      REROUTE: JSON.stringify({
        'localhost:5432': `127.0.0.1:${server.port}`,
        'localhost:6379': `127.0.0.1:${redis.port}`,
      }),
      PGUSER: 'postgres',
      PGPASSWORD: new URL(server.url).password,
    }
    worker = new TestProcess('src/worker.ts', { cwd, env })
    await worker.printed(/^ready$/m)
  })
  afterAll(async () => {
    await worker.stop()
    await server.dispose()
    await redis.dispose()
  })

  async function lastLine<T>(file: string, more: NodeJS.ProcessEnv = {}): Promise<T> {
    const run = new TestProcess(file, { cwd, env: { ...env, ...more } })
    expect(await run.exit(), run.output).toBe(0)
    return JSON.parse(run.output.trimEnd().split('\n').at(-1) ?? '') as T
  }

  test('are accepted by pikku, with every key of the configuration too, and by the compiler', () => {
    runPikku(cwd)
    runPikku(cwd, '-c', 'all-keys.config.json')
    execFileSync(process.execPath, [path.join(cwd, 'node_modules/typescript/bin/tsc')], { cwd, stdio: 'pipe' })
  })

  test('the server of the README', async () => {
    expect(await lastLine('src/server.ts')).toEqual({ userId: 'user of a@b.c' })
  })

  test('a worker that answers probes, as the Deployment asks for them', async () => {
    const deployment = read('docs/examples/kubernetes.yaml')
    const probed = new TestProcess('src/probes.ts', { cwd, env: { ...env, PROBES_PORT: '0' } })
    const [, port = ''] = await probed.printed(/^ready, probes on (\d+)$/m)
    const paths = [...deployment.matchAll(/path: (\S+), port: 8081/g)].map(([, asked = '']) => asked)
    const answers = [...paths, '/other'].map(async (asked) => (await fetch(`http://127.0.0.1:${port}${asked}`)).status)
    expect(paths).toEqual(['/ready', '/live'])
    expect(await Promise.all(answers)).toEqual([200, 200, 503])
    await probed.stop()
    const graceMs = Number(/graceMs: ([\d_]+)/.exec(read('docs/examples/src/probes.ts'))?.[1]?.replace('_', ''))
    const seconds = Number(/terminationGracePeriodSeconds: (\d+)/.exec(deployment)?.[1])
    expect(seconds * 1000).toBeGreaterThanOrEqual(graceMs + 20_000)
  })

  test('inline mode', async () => {
    expect(await lastLine('src/inline.ts')).toEqual({ status: 'completed', workflow: 'order-fulfillment' })
  })

  test('the store and the queue of the pages for authors of adapters', async () => {
    expect(await lastLine('src/sqlite.ts')).toMatch(/^receipt /)
  })

  test('everything that needs workers', async () => {
    const results = await lastLine<Record<string, unknown> & { parallel: { history: string[] } }>('src/tour.ts')
    results.parallel.history.sort() // They settle in any order.
    expect(results).toMatchSnapshot({
      report: { output: { id: expect.any(String), month: expect.any(Number), sample: expect.any(Boolean) } },
      operations: { output: expect.stringMatching(/^receipt [0-9a-f-]{36}$/) },
    })
  })

  test('the queues of the READMEs, and what pikku does from code', async () => {
    expect(await lastLine('src/jobs.ts')).toBe('sent {"to":"a@b.c"}')
    expect(await lastLine('src/redis/jobs.ts')).toBe('sent {"to":"a@b.c"}')
    expect(await lastLine('src/generate.ts')).toEqual(['thumbnails'])
  })

  test('Redis: with workers in another process, and inline', async () => {
    const redisWorker = new TestProcess('src/redis/worker.ts', { cwd, env })
    await redisWorker.printed(/^ready$/m)
    expect(await lastLine('src/redis/server.ts')).toEqual({ userId: 'user of a@b.c' })
    await redisWorker.stop()
    expect(await lastLine('src/redis/inline.ts')).toEqual({ status: 'completed', workflow: 'order-fulfillment' })
  })

  test('Redis: runs in PostgreSQL, rung by BullMQ', async () => {
    expect(await lastLine('src/redis/mixed.ts')).toBe('completed')
  })

  test('Redis: a Cluster', async () => {
    const cluster = await startRedisCluster()
    onTestFinished(() => cluster.dispose())
    const places = cluster.nodes.map(({ host, port }, index) => [`127.0.0.1:${7000 + index}`, `${host}:${port}`])
    const REROUTE = JSON.stringify(Object.fromEntries(places))
    const given = { REROUTE, REDIS_PASSWORD: cluster.password }
    expect(await lastLine('src/redis/cluster.ts', given)).toEqual({ completed: 5 })
  })
})
