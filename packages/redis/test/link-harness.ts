import { StoreUnavailableError } from '@pikku/core/contract'
import type { StorePorts } from '@pikku/core/contract'
import type { OpenStore } from '@pikku/core/testing'
import { openLink } from '../src/open-link.ts'
import type { RedisLink } from '../src/connection.ts'
import { RedisAdmin } from '../src/redis-admin.ts'
import { RedisNotices } from '../src/redis-notices.ts'
import { RedisReader } from '../src/redis-reader.ts'
import { RedisWorkflowStore } from '../src/redis-workflow-store.ts'
import type { RedisCluster } from '@pikku/tooling/redis-cluster'
import { openRedis, quiet } from './redis-harness.ts'

export const buckets = 3

/** A process that dies before it delivers anything: deliveries to other buckets do not get through. */
export function deliverNothing(link: RedisLink): void {
  const call = link.call.bind(link)
  const deliveries = new Set(['settle-child', 'orphan-run', 'outbox-done'])
  let commits = 0
  link.call = (script, bucket, args) => {
    if (script === 'commit-run') commits += 1
    const isDelivery = deliveries.has(script) || (script === 'create-run' && commits > 0)
    return isDelivery ? Promise.reject(new StoreUnavailableError('cut off')) : call(script, bucket, args)
  }
}

export interface LinkedHarness extends OpenStore {
  readonly prefix: string
  /** Another process, whose way to the server is this one. */
  through(disturb: (link: RedisLink) => void): StorePorts
}

/**
 * A store in a few buckets, each of whose processes reaches the server, or the Cluster, by a link that was disturbed first.
 */
export async function openLinked(
  disturb: (link: RedisLink) => void = () => {},
  cluster?: RedisCluster,
): Promise<LinkedHarness> {
  const harness = await openRedis({ buckets, ...(cluster ? { cluster } : {}) })
  const closing: (() => Promise<unknown>)[] = []
  let offset = 0
  const through = (change: (link: RedisLink) => void): StorePorts => {
    const options = { leaseMs: 8_000, logger: quiet, buckets, clockOffsetMs: () => offset }
    const link = openLink(harness.given, harness.prefix, options)
    change(link)
    const notices = new RedisNotices(link)
    const store = new RedisWorkflowStore(link, async () => {
      notices.close()
      await link.close()
    })
    closing.push(() => store.close())
    return { store, reader: new RedisReader(link), admin: new RedisAdmin(link), notices }
  }
  return {
    prefix: harness.prefix,
    ports: through(disturb),
    through,
    sibling: () => Promise.resolve(through(disturb)),
    advance: (ms) => {
      offset += ms
      return Promise.resolve()
    },
    dispose: async () => {
      await Promise.all(closing.map((close) => close()))
      await harness.dispose()
    },
  }
}
