import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Driver, Input, Work } from './protocol.ts'

/** The durable writes that any system of this kind needs, and nothing else. Each resolves when it is durable. */
export interface RawWrites {
  insertRun(run: string): Promise<void>
  endRun(run: string): Promise<void>
  /** A step with its result, or with null one that is asked for. */
  insertStep(run: string, step: number, result: string | null): Promise<void>
  /** Mark it as taken, or with a result as settled. */
  updateStep(run: string, step: number, result: string | null): Promise<void>
  send(message: string): Promise<void>
  take(message: string): Promise<void>
  close(): Promise<void>
}

/** The same work as the systems do, by raw writes: nobody decides, replays, serializes or recovers anything. */
export function floorDriver(writes: RawWrites): Driver {
  const remoteStep = async (run: string, step: number, result: string): Promise<void> => {
    await writes.insertStep(run, step, null)
    await ring(`${run}/${step}`)
    await writes.updateStep(run, step, null)
    await writes.updateStep(run, step, result)
  }
  const ring = async (message: string): Promise<void> => {
    await writes.send(message)
    await writes.take(message)
  }
  const bodies: Partial<Record<Work, (run: string, input: Input, result: string) => Promise<unknown>>> = {
    inline: async (run, { n = 1 }, result) => {
      for (let i = 0; i < n; i++) await writes.insertStep(run, i, result)
    },
    rpc: async (run, { n = 1 }, result) => {
      await ring(run)
      for (let i = 0; i < n; i++) await remoteStep(run, i, result)
    },
    fanout: async (run, { n = 1 }, result) => {
      await ring(run)
      await Promise.all(Array.from({ length: n }, (_, i) => remoteStep(run, i, result)))
    },
    nap: async (run, { ms = 0 }, result) => {
      const asleep = Date.now()
      await writes.insertStep(run, 0, result)
      await delay(ms)
      await writes.insertStep(run, 1, result)
      return Date.now() - asleep - ms
    },
  }
  return {
    play: async (work, input) => {
      const body = bodies[work]
      if (!body) throw new Error(`there is no floor of ${work}`)
      const run = randomUUID()
      await writes.insertRun(run)
      const output = await body(run, input, JSON.stringify({ ok: true, pad: 'x'.repeat(input.bytes ?? 0) }))
      await writes.endRun(run)
      return output
    },
    close: () => writes.close(),
  }
}
