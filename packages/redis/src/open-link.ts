import { checkServer } from './check-server.ts'
import type { RedisStoreOptions } from './connection.ts'
import { readGiven } from './given.ts'
import type { Given } from './given.ts'
import { Link } from './link.ts'
import { openPrefix } from './open-prefix.ts'
import { Renewal } from './renewal.ts'

/**
 * @example
 * const link = openLink('redis://localhost:6379', 'workflows', { leaseMs: 10_000, logger: console })
 * await link.ready()
 * await link.call('claim-run', link.bucketOf(runId), [runId])
 */
export function openLink(given: Given, prefix: string, options: RedisStoreOptions): Link {
  const connecting = readGiven(given, prefix)
  const prepare = async (link: Link): Promise<number> => {
    await checkServer(link)
    return openPrefix(link)
  }
  return new Link({ connecting, options, prepare, look: openPrefix, living: (link) => new Renewal(link) })
}
