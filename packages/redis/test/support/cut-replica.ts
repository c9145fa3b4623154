import type { Redis } from 'ioredis'
import { until } from '../redis-harness.ts'

/** Nodes of a cluster whose first master is about to die. */
export interface Replicated {
  readonly master: Redis
  readonly replica: Redis
}

/** The replica has everything the master has answered. */
export async function untilReplicated({ master, replica }: Replicated): Promise<void> {
  const offset = await offsetOf(master, 'master_repl_offset')
  await until(async () => (await offsetOf(replica, 'slave_repl_offset')) >= offset)
}

/** From now on the master goes on alone: what it answers is lost when it dies. */
export async function cutReplica({ replica }: Pick<Replicated, 'replica'>): Promise<void> {
  await replica.call('config', 'set', 'masterauth', 'not any more')
  await replica.call('client', 'kill', 'type', 'master')
}

async function offsetOf(node: Redis, field: string): Promise<number> {
  return Number(new RegExp(`${field}:(\\d+)`).exec(await node.info('replication'))?.[1])
}
