import { WorkflowError } from '@pikku/core/contract'
import type { Link } from './link.ts'

/** The layout of the keys this code reads and writes. */
const layout = 1
const onServer = 1
const onCluster = 64

/**
 * Take the prefix, or find it as it was taken. Answers into how many buckets it is divided.
 *
 * @throws `WorkflowError` SCHEMA_TOO_NEW for a prefix of a newer version, CONFIGURATION for one divided otherwise, or not
 * divided at all on a Cluster
 */
export async function openPrefix(link: Link): Promise<number> {
  const { buckets: asked } = link.options
  const wanted = asked ?? (link.connecting.isCluster ? onCluster : onServer)
  const found = await link.script('open-store', `${link.prefix}:meta`, [wanted, layout])
  const [buckets = 0, version = 0] = Array.isArray(found) ? found.map(Number) : []
  if (version > layout) {
    throw new WorkflowError(
      'SCHEMA_TOO_NEW',
      `the keys under '${link.prefix}' at ${link.target} were written by a newer @pikku/redis, in layout ${version}; this one knows up to ${layout}: update it`,
    )
  }
  if (asked !== undefined && asked !== buckets) {
    throw new WorkflowError(
      'CONFIGURATION',
      `the prefix '${link.prefix}' at ${link.target} is divided into ${buckets} buckets for ever, and ${asked} were asked for`,
    )
  }
  if (asked === undefined && buckets === 1 && link.connecting.isCluster) {
    throw new WorkflowError(
      'CONFIGURATION',
      `the prefix '${link.prefix}' at ${link.target} was first used on a single server and is one bucket for ever: on a Cluster all its runs would be on one master; use another prefix there, which is divided into ${onCluster}`,
    )
  }
  return buckets
}
