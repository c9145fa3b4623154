import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { serverDeadlineMs } from './kept-server.ts'
import { startFreshRedis } from './redis.ts'

/** A name that leads to a master, and to another one after `failOver`, as hosted servers have it. */
export interface RedisName {
  readonly url: string
  /** Connections to the server that it leads to at first, and to the one in the end. */
  readonly first: Redis
  readonly second: Redis
  /** The second server, a replica until now, is the master, and the name leads there. The first keeps its connections. */
  failOver(): Promise<void>
  dispose(): Promise<void>
}

export async function startRedisName(): Promise<RedisName> {
  // A master would wait for other replicas first.
  const settings = { 'repl-diskless-sync-delay': '0' }
  const servers = await Promise.all([startFreshRedis({ settings }), startFreshRedis({ settings })])
  const [one, other] = servers
  const [first, second] = [new Redis(one.url), new Redis(other.url)]
  await second.config('SET', 'requirepass', one.password)
  await second.config('SET', 'masterauth', one.password)
  await second.replicaof(one.host, one.port)
  await untilSays(second, 'master_link_status:up')
  let { port } = one
  const proxy = createServer((client) => {
    const server = connect(port, one.host)
    // Whoever is cut off is told so by the end of the other half.
    for (const socket of [client, server]) socket.on('error', () => undefined)
    client.on('close', () => server.destroy()).pipe(server)
    server.on('close', () => client.destroy()).pipe(client)
  })
  await once(proxy.listen(0, one.host), 'listening')
  const url = new URL(one.url)
  url.port = String((proxy.address() as AddressInfo).port)
  return {
    url: url.href,
    first,
    second,
    failOver: async () => {
      await first.call('failover')
      await untilSays(second, 'role:master')
      port = other.port
    },
    dispose: async () => {
      proxy.close()
      for (const client of [first, second]) client.disconnect()
      await Promise.all(servers.map((server) => server.dispose()))
    },
  }
}

async function untilSays(redis: Redis, what: string): Promise<void> {
  const deadline = Date.now() + serverDeadlineMs
  while (!(await redis.info('replication')).includes(what)) {
    if (Date.now() > deadline) throw new Error(`the server does not say ${what}`)
    await delay(20)
  }
}
