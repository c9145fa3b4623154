import { randomBytes } from 'node:crypto'
import { serverDeadlineMs } from './kept-server.ts'
import { onFreePort, PrivateRedis, type RedisServer } from './redis.ts'
import { until } from './until.ts'

/** A private Redis Cluster of three masters, the first of which has a replica. It dies with the process that started it. */
export interface RedisCluster {
  /** For the first argument of ioredis' `Cluster`; the password goes into its `redisOptions`. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly password: string
  /** In the order of their slots. The first one can be killed: its replica takes over within some three seconds. */
  readonly masters: readonly RedisServer[]
  /** Of the first master. */
  readonly replica: RedisServer
  /** Resolves when all nodes agree that every slot is served. */
  untilOk(): Promise<void>
  /** Stops all nodes and deletes their data. */
  dispose(): Promise<void>
}

const slotCount = 16_384
const masterCount = 3

const clusterSettings: Readonly<Record<string, string>> = {
  'cluster-enabled': 'yes',
  'cluster-config-file': 'nodes.conf',
  // Until a silent node counts as failed.
  'cluster-node-timeout': '1000',
  // A replica takes over however old its data is: better here than a test that waits for ever.
  'cluster-replica-validity-factor': '0',
  'repl-diskless-sync-delay': '0',
}

/**
 * Starts a cluster on free ports of 127.0.0.1 and waits until it serves every slot and the replica has its data.
 *
 * @throws Error that asks for `redis-server` where there is none
 * @example
 * const cluster = await startRedisCluster()
 * const redis = new Cluster([...cluster.nodes], { redisOptions: { password: cluster.password } })
 * await cluster.masters[0]?.kill()
 */
export async function startRedisCluster(settings: Readonly<Record<string, string>> = {}): Promise<RedisCluster> {
  const password = randomBytes(12).toString('hex')
  const started: PrivateRedis[] = []
  try {
    // One after the other: no two of them are to take a liking to the same port.
    for (let i = 0; i <= masterCount; i++) started.push(await startNode(password, settings))
    const cluster = new PrivateCluster(started, password)
    await cluster.form()
    return cluster
  } catch (error) {
    await Promise.all(started.map((node) => node.dispose()))
    throw error
  }
}

function startNode(password: string, settings: Readonly<Record<string, string>>): Promise<PrivateRedis> {
  return onFreePort(async (port) => {
    const node = new PrivateRedis(port, password, { ...clusterSettings, ...settings })
    await node.startFirst()
    return node
  })
}

class PrivateCluster implements RedisCluster {
  readonly password: string
  readonly #all: readonly PrivateRedis[]

  constructor(nodes: readonly PrivateRedis[], password: string) {
    this.#all = nodes
    this.password = password
  }

  get nodes(): readonly { host: string; port: number }[] {
    return this.#all.map(({ host, port }) => ({ host, port }))
  }

  get masters(): readonly PrivateRedis[] {
    return this.#all.slice(0, masterCount)
  }

  get replica(): PrivateRedis {
    const replica = this.#all[masterCount]
    if (!replica) throw new Error('the cluster has no replica')
    return replica
  }

  async form(): Promise<void> {
    const [first, ...others] = this.#all
    if (!first) throw new Error('a cluster needs nodes')
    for (const [index, master] of this.masters.entries()) {
      await master.ask('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
      await master.ask('CLUSTER', 'ADDSLOTS', ...slotsOf(index))
    }
    for (const { host, port } of others) await first.ask('CLUSTER', 'MEET', host, String(port))
    const { replica } = this
    const firstId = await first.ask('CLUSTER', 'MYID')
    await untilIt('the replica knows its master', async () => (await replica.ask('CLUSTER', 'NODES')).includes(firstId))
    await replica.ask('CLUSTER', 'REPLICATE', firstId)
    await untilIt('the replica has its data', async () =>
      (await replica.ask('INFO', 'replication')).includes('master_link_status:up'),
    )
    await this.untilOk()
  }

  async untilOk(): Promise<void> {
    await untilIt('all nodes agree who serves which slots', async () => {
      const views = (await Promise.all(this.#all.map(viewOf))).filter((view) => view !== undefined)
      const agreed = views[0]?.masters.toSorted().join()
      // Until a master's death has got about, its slots still count as served.
      const alive = views.map(({ port }) => String(port))
      return views.every(
        ({ ok, masters }) =>
          ok && masters.every((port) => alive.includes(port)) && masters.toSorted().join() === agreed,
      )
    })
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#all.map((node) => node.dispose()))
  }
}

interface View {
  readonly port: number
  /** All slots are served, and all nodes are known. */
  readonly ok: boolean
  /** The ports of the masters that have slots. */
  readonly masters: readonly string[]
}

/** The cluster as this node sees it; undefined when it does not answer. */
async function viewOf(node: PrivateRedis): Promise<View | undefined> {
  let info: string
  let nodes: string
  try {
    info = await node.ask('CLUSTER', 'INFO')
    nodes = await node.ask('CLUSTER', 'NODES')
  } catch {
    return undefined // Down, as it may be.
  }
  const known = Number(/cluster_known_nodes:(\d+)/.exec(info)?.[1])
  const masters = nodes
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([_id, _address, flags, ...rest]) => flags?.includes('master') && rest.length > 5)
    .map(([_id, address = '']) => /:(\d+)@/.exec(address)?.[1] ?? '')
  return { port: node.port, ok: info.includes('cluster_state:ok') && known === masterCount + 1, masters }
}

function slotsOf(master: number): string[] {
  const from = Math.floor((master * slotCount) / masterCount)
  const to = Math.floor(((master + 1) * slotCount) / masterCount)
  return Array.from({ length: to - from }, (_, i) => String(from + i))
}

function untilIt(what: string, holds: () => Promise<boolean>): Promise<void> {
  return until(`in the Redis Cluster, ${what}`, holds, serverDeadlineMs)
}
