import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { Cluster, Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { startRedisCluster } from './redis-cluster.ts'
import { startFreshRedis } from './redis.ts'
import { until } from './until.ts'

async function use<T>(url: string, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: null })
  let problem: Error | undefined
  redis.on('error', (error) => (problem ??= error))
  try {
    await redis.connect()
    return await ask(redis)
  } catch (error) {
    throw problem ?? error
  } finally {
    redis.disconnect()
  }
}

test('the global setup gave the tests a server', async () => {
  expect(await use(process.env['REDIS_URL'] ?? '', (redis) => redis.ping())).toBe('PONG')
})

test('a fresh server takes settings, keeps its data over kill and stop, and leaves nothing behind', async () => {
  const server = await startFreshRedis({ settings: { 'maxmemory-policy': 'volatile-lru' } })
  const scratch = path.dirname(server.log)
  try {
    const [, policy] = (await use(server.url, (redis) => redis.config('GET', 'maxmemory-policy'))) as string[]
    expect(policy).toBe('volatile-lru')
    await use(server.url, (redis) => redis.set('kept', 1))

    await server.kill()
    await expect(use(server.url, (redis) => redis.ping())).rejects.toThrow()
    await server.start()
    expect(await use(server.url, (redis) => redis.get('kept'))).toBe('1')

    await server.stop()
    await expect(use(server.url, (redis) => redis.ping())).rejects.toThrow()
    await server.start()
    expect(await use(server.url, (redis) => redis.get('kept'))).toBe('1')
  } finally {
    await server.dispose()
  }
  expect(fs.existsSync(scratch)).toBe(false)
})

test('a server needs its password', async () => {
  const server = await startFreshRedis()
  try {
    const wrong = new URL(server.url)
    wrong.password = 'guess'
    await expect(use(wrong.href, (redis) => redis.get('a'))).rejects.toThrow(/NOAUTH|WRONGPASS/)
  } finally {
    await server.dispose()
  }
})

test('a server dies with the process that started it, however that one ends', async () => {
  const program = `
    import { startFreshRedis } from ${JSON.stringify(path.join(import.meta.dirname, 'redis.ts'))}
    const server = await startFreshRedis()
    console.log(server.log + ' ' + (await server.ask('INFO', 'server')).match(/process_id:(\\d+)/)[1])
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const [log = '', pid] = line.toString().trim().split(' ')

  child.kill('SIGKILL')

  await until('its data is deleted', () => !fs.existsSync(path.dirname(log)))
  expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH')
})

test('a setting the server refuses is reported with the log of the server', async () => {
  await expect(startFreshRedis({ settings: { 'maxmemory-policy': 'whatever' } })).rejects.toThrow(/maxmemory-policy/)
})

test('where there is no redis-server, it is asked for by name', async () => {
  const { PATH } = process.env
  process.env['PATH'] = '/nowhere'
  try {
    await expect(startFreshRedis()).rejects.toThrow(/no redis-server on PATH.*apt-get install redis-server.*REDIS_URL/s)
  } finally {
    process.env['PATH'] = PATH
  }
})

test('a cluster serves every slot, and goes on after the master with a replica is killed', async () => {
  const cluster = await startRedisCluster()
  const logs = [...cluster.masters, cluster.replica].map(({ log }) => log)
  const redis = new Cluster([...cluster.nodes], { redisOptions: { password: cluster.password } })
  try {
    const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`)
    for (const key of keys) await redis.set(key, key)
    // Replication is asynchronous: what the replica has not heard of is lost with its master.
    const isSynced = () => fs.readFileSync(cluster.replica.log, 'utf8').includes('MASTER <-> REPLICA sync')
    await until('the replica has its data', isSynced)
    await use(cluster.masters[0]?.url ?? '', (master) => master.wait(1, 5_000))

    await cluster.masters[0]?.kill()
    await cluster.untilOk()
    for (const key of keys) expect(await redis.get(key)).toBe(key)

    await cluster.masters[0]?.start()
    await cluster.untilOk()
    for (const key of keys) expect(await redis.get(key)).toBe(key)
  } finally {
    redis.disconnect()
    await cluster.dispose()
  }
  expect(logs.filter((log) => fs.existsSync(log))).toEqual([])
})
