import { Cluster } from 'ioredis'
import type { ClusterNode } from 'ioredis'
import { openRedisStore } from '../../src/index.ts'
import { quiet } from '../redis-harness.ts'

/** A process that claims a run for an hour and then does nothing, until somebody kills it. */
const [server = '', prefix = '', runId = '', owner = ''] = process.argv.slice(2)
const user = { username: prefix, password: 'secret' }
const isCluster = server.startsWith('[')
const given = isCluster ? new Cluster(JSON.parse(server) as ClusterNode[], { redisOptions: user }) : server
const { store } = openRedisStore(given, prefix, { leaseMs: 8_000, logger: quiet })
await store.enlist(owner)
const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }
const claim = await store.claimRun({ runId, owner, claimId: owner, leaseMs: 3_600_000, known, after: 0, limit })
process.send?.(claim ? 'claimed' : 'refused')
setInterval(() => {}, 60_000)
