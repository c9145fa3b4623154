// The raw cost on Redis: single commands, those of one turn of the event loop in one pipeline.
import { Redis } from 'ioredis'
import { floorDriver, type RawWrites } from './floor.ts'
import { serve } from './host.ts'

function writesTo(redis: Redis): RawWrites {
  const set = async (key: string, fields: Record<string, string>): Promise<void> => {
    await redis.hset(key, fields)
  }
  return {
    insertRun: (run) => set(`run:${run}`, { status: 'running', createdAt: String(Date.now()) }),
    endRun: (run) => set(`run:${run}`, { status: 'completed', endedAt: String(Date.now()) }),
    insertStep: (run, step, result) =>
      set(`step:${step}:${run}`, { status: result ? 'done' : 'asked', result: result ?? '' }),
    updateStep: (run, step, result) =>
      set(`step:${step}:${run}`, { status: result ? 'done' : 'taken', result: result ?? '' }),
    send: async (message) => {
      await redis.lpush('messages', message)
    },
    take: async () => {
      await redis.rpop('messages')
    },
    close: async () => {
      await redis.quit()
    },
  }
}

serve(({ place }) => Promise.resolve(floorDriver(writesTo(new Redis(place.url, { enableAutoPipelining: true })))))
