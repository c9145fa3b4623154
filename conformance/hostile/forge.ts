import { Queue } from 'bullmq'
import type { World } from '../worlds.ts'

/** The queues as whoever may write to them sees them: nothing of the packages stands between. */
export interface Forger {
  /** Put messages into a queue as they are; `options` are the queue's own. */
  send(queue: string, messages: readonly unknown[], options?: ForgedOptions): Promise<void>
  /** Messages that are not done with: waiting, delayed or under way. */
  unfinished(queue: string): Promise<number>
  close(): Promise<void>
}

interface ForgedOptions {
  /** As many attempts as the forger likes. */
  readonly attempts?: number
}

export function forgerOf({ raw }: World): Forger {
  if (raw.kind === 'postgres') {
    const { sql } = raw
    return {
      send: async (queue, messages, { attempts = 1 } = {}) => {
        // What jsonb takes: neither U+0000 nor unpaired surrogates.
        const texts = messages
          .map((message) => JSON.stringify(message))
          .filter((text) => !/\\u(0000|d[89a-f])/.test(text))
        await sql`
          insert into pgboss.job (name, data, retry_limit, retry_delay, retry_backoff)
          select ${queue}, text::jsonb, ${attempts - 1}, 0, false from unnest(${texts}::text[]) as given (text)`
        await sql`select pg_notify('pikku_queue', 'not what anybody sends')`
      },
      unfinished: async (queue) => {
        const [row] = await sql`
          select count(*)::int as n from pgboss.job where name = ${queue} and state in ('created', 'retry', 'active')`
        return Number(row?.['n'])
      },
      close: async () => {},
    }
  }
  const { redis, queuePrefix } = raw
  const queues = new Map<string, Queue>()
  const open = (name: string): Queue => {
    const queue = queues.get(name) ?? new Queue(`{${name}}`, { connection: redis, prefix: queuePrefix })
    queues.set(name, queue)
    return queue
  }
  return {
    send: async (queue, messages, { attempts = 1 } = {}) => {
      await open(queue).addBulk(messages.map((data) => ({ name: 'forged', data, opts: { attempts } })))
    },
    unfinished: async (queue) => {
      const counts = await open(queue).getJobCounts('waiting', 'prioritized', 'delayed', 'active')
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    },
    close: async () => void (await Promise.all([...queues.values()].map((queue) => queue.close()))),
  }
}
