import { startFreshRedis, type RedisServer } from '@pikku/tooling/redis'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import { Cluster, Redis } from 'ioredis'
import { digits } from '../report/lines.ts'
import { markdownTable } from '../report/table.ts'
import { openApp, runs, steps } from './app.ts'

/** CPU of one server so far, in µs. */
async function cpuUs(client: Redis): Promise<number> {
  const text = await client.info('cpu')
  const field = (name: string): number => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(text)?.[1])
  return (field('used_cpu_user') + field('used_cpu_sys')) * 1_000_000
}

async function measure(where: Redis | Cluster, masters: readonly RedisServer[]): Promise<string[][]> {
  const clients = masters.map(({ url }) => new Redis(url))
  const app = await openApp(where)
  const lines: string[][] = []
  try {
    for (const workflow of ['inline', 'rpc'] as const) {
      await app.play(workflow)
      const before = await Promise.all(clients.map(cpuUs))
      await app.play(workflow)
      const after = await Promise.all(clients.map(cpuUs))
      const perStep = after.map((us, i) => (us - (before[i] ?? 0)) / (runs * steps))
      const busiest = Math.max(...perStep)
      lines.push([
        `${masters.length}`,
        workflow,
        perStep.map(digits).join(' + '),
        digits(busiest),
        digits(1_000_000 / busiest),
      ])
    }
  } finally {
    await app.close()
    for (const client of clients) client.disconnect()
  }
  return lines
}

/**
 * What a step takes of each master's core. On a machine with fewer cores than masters no throughput can tell how a Cluster
 * grows; what its busiest master is asked for does.
 */
export async function masters(): Promise<string> {
  const head = ['masters', 'steps', 'CPU of each master, µs per step', 'the busiest', 'steps a second at most']
  return markdownTable(head, [...(await ofOne()), ...(await ofThree())])
}

async function ofOne(): Promise<string[][]> {
  const server = await startFreshRedis()
  const client = new Redis(server.url)
  try {
    return await measure(client, [server])
  } finally {
    client.disconnect()
    await server.dispose()
  }
}

async function ofThree(): Promise<string[][]> {
  const cluster = await startRedisCluster()
  const client = new Cluster([...cluster.nodes], { redisOptions: { password: cluster.password } })
  try {
    return await measure(client, cluster.masters)
  } finally {
    client.disconnect()
    await cluster.dispose()
  }
}
