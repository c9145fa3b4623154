import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { startFreshRedis } from './redis.ts'

/** A name that leads to a master, and to another one after `failOver`, as hosted servers have it. */
export interface RedisName {
  readonly url: string
  /** Connections to the server that it leads to at first, and to the one in the end. */
  readonly first: Redis
  readonly second: Redis
  /** From now on it leads to the second server. The first is a replica then, and keeps every connection it has. */
  failOver(): Promise<void>
  dispose(): Promise<void>
}

/** The second server is empty: nothing is replicated. */
export async function startRedisName(): Promise<RedisName> {
  const servers = await Promise.all([startFreshRedis(), startFreshRedis()])
  const [one, other] = servers
  const [first, second] = [new Redis(one.url), new Redis(other.url)]
  await second.config('SET', 'requirepass', one.password)
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
      await first.replicaof(one.host, 1)
      port = other.port
    },
    dispose: async () => {
      proxy.close()
      for (const client of [first, second]) client.disconnect()
      await Promise.all(servers.map((server) => server.dispose()))
    },
  }
}
