import { startFreshRedis } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'

/** The Redis of one run of the benchmarks: append-only file, synced every second. */
export interface RedisServer {
  readonly url: string
  readonly version: string
  /** Empties it: the turn of the next begins. */
  clear(): Promise<void>
  usedBytes(): Promise<number>
  cpuMs(): Promise<number>
  /** Connections of clients, this program's own left out. */
  connections(): Promise<number>
  /** Counts what clients send while `during` runs; what a script does in the server is not sent. */
  commandsDuring(during: () => Promise<void>): Promise<number>
  /** For loading rows. */
  readonly client: Redis
  stop(): Promise<void>
}

export async function startRedisServer(): Promise<RedisServer> {
  const server = await startFreshRedis()
  const client = new Redis(server.url)
  const info = async (section: string, field: string): Promise<string> =>
    new RegExp(`^${field}:(.*)$`, 'm').exec(await client.info(section))?.[1]?.trim() ?? ''
  return {
    url: server.url,
    version: await info('server', 'redis_version'),
    clear: async () => {
      await client.flushall()
    },
    usedBytes: async () => Number(await info('memory', 'used_memory')),
    cpuMs: async () => {
      const [user, system] = [await info('cpu', 'used_cpu_user'), await info('cpu', 'used_cpu_sys')]
      return (Number(user) + Number(system)) * 1000
    },
    connections: async () => Number(await info('clients', 'connected_clients')) - 1,
    commandsDuring: async (during) => {
      const monitor = await client.monitor()
      let count = 0
      monitor.on('monitor', (_time: string, _command: string[], source: string) => {
        if (source !== 'lua') count += 1
      })
      await during().finally(() => monitor.disconnect())
      return count
    },
    client,
    stop: async () => {
      client.disconnect()
      await server.dispose()
    },
  }
}
