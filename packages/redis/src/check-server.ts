import { WorkflowError } from '@pikku/core/contract'
import type { Reply } from './connection.ts'
import type { Link } from './link.ts'

const oldestServer = [6, 2] as const

/** What `INFO` tells, field by field. */
type Info = ReadonlyMap<string, string>

/**
 * What has to be right before anything is kept there.
 *
 * @throws `WorkflowError` SERVER_TOO_OLD, or CONFIGURATION for a server that may drop keys or that another kind of client
 * is needed for
 */
export async function checkServer(link: Link): Promise<void> {
  const nodes = (await link.everyMaster(['info'])).map(parseInfo)
  for (const info of nodes) {
    checkVersion(link, info)
    checkMode(link, info)
    await checkEviction(link, info)
  }
  await warnOfLoss(link, nodes)
}

function parseInfo(reply: Reply): Info {
  const lines = String(reply).split(/\r?\n/)
  return new Map(
    lines
      .filter((line) => /^[^#].*:/.test(line))
      .map((line) => [line.split(':', 1)[0] ?? '', line.slice(line.indexOf(':') + 1)]),
  )
}

function checkVersion({ target }: Link, info: Info): void {
  const found = info.get('redis_version') ?? 'unknown'
  const [major = 0, minor = 0] = found.split('.').map(Number)
  const [needsMajor, needsMinor] = oldestServer
  // A server that does not say its version is judged by what it can do.
  if (found === 'unknown' || major > needsMajor || (major === needsMajor && minor >= needsMinor)) return
  throw new WorkflowError(
    'SERVER_TOO_OLD',
    `the server at ${target} is Redis ${found}; ${needsMajor}.${needsMinor} or newer is needed`,
  )
}

function checkMode({ target, connecting }: Link, info: Info): void {
  const isCluster = info.get('cluster_enabled') === '1'
  if (!isCluster || connecting.isCluster) return
  throw new WorkflowError(
    'CONFIGURATION',
    `the server at ${target} is a node of a Redis Cluster, and a client of one server was given: give a Cluster of ioredis, new Cluster([{ host, port }])`,
  )
}

/** No key here has a time to live: only a policy that may drop any key can drop one of these. */
async function checkEviction(link: Link, info: Info): Promise<void> {
  const policy = info.get('maxmemory_policy') ?? (await configured(link, 'maxmemory-policy'))
  if (policy === null || policy === 'noeviction' || policy.startsWith('volatile-')) return
  throw new WorkflowError(
    'CONFIGURATION',
    `Redis at ${link.target} has the eviction policy '${policy}', under which it may drop runs when its memory is full; set maxmemory-policy to noeviction (or to one that begins with volatile-), or keep the runs on a server of their own`,
  )
}

async function warnOfLoss(link: Link, nodes: readonly Info[]): Promise<void> {
  if (nodes.every((info) => info.get('aof_enabled') === '1')) return
  const save = await configured(link, 'save')
  const lost =
    save === '' ? 'all runs are lost when it stops' : 'what happened since its last snapshot is lost when it crashes'
  link.options.logger.warn(
    `Redis at ${link.target} keeps no append-only file: ${lost}, steps that had run then run again; set appendonly yes`,
  )
}

/** Null where it cannot be known: many hosted servers forbid CONFIG. */
async function configured(link: Link, name: string): Promise<string | null> {
  try {
    const found = await link.send(['config', 'get', name])
    return Array.isArray(found) && typeof found[1] === 'string' ? found[1] : null
  } catch (error) {
    if (!WorkflowError.is(error, 'CONFIGURATION')) throw error
    link.options.logger.debug(`Redis at ${link.target} does not tell its ${name}`, error)
    return null
  }
}
