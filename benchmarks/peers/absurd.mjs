// Absurd. There is no other form than a worker that polls: alone it is in the process that starts the runs.
import { setTimeout as delay } from 'node:timers/promises'
import { Absurd } from 'absurd-sdk'
import pg from 'pg'
import { enteredForGood, serve } from '../src/programs/host.ts'

const queueName = 'default'

function bodiesFor(role) {
  const sequence = async ({ n = 1, bytes = 0 }, ctx) => {
    const pad = 'x'.repeat(bytes)
    let sum = 0
    for (let i = 0; i < n; i++) sum += (await ctx.step(`s${i}`, async () => ({ i, ok: true, pad }))).i
    return sum
  }
  return {
    inline: sequence,
    rpc: sequence,
    fanout: async ({ n = 1 }, ctx) => {
      const all = Array.from({ length: n }, (_, i) => ctx.step(`s${i}`, async () => ({ i, ok: true })))
      return (await Promise.all(all)).length
    },
    nap: async ({ ms = 0 }, ctx) => {
      const asleep = await ctx.step('before', async () => Date.now())
      await ctx.sleepFor('nap', ms / 1000)
      return (await ctx.step('after', async () => Date.now())) - asleep - ms
    },
    doze: async ({ ms = 0 }, ctx) => ctx.sleepFor('doze', ms / 1000),
    hang: (_input, ctx) => ctx.step('mid', () => (role === 'first' ? enteredForGood() : Promise.resolve('done'))),
    pass: async (_input, ctx) => {
      for (let i = 0; ; i++) {
        const passedAt = await ctx.step(`s${i}`, async () => {
          await delay(20)
          return role === 'first' ? null : Date.now()
        })
        if (passedAt !== null) return passedAt
      }
    },
  }
}

serve(async ({ place, role }) => {
  const pool = new pg.Pool({ connectionString: place.url, max: 60 })
  pool.on('error', (error) => console.error(error))
  const app = new Absurd({ db: pool, queueName })
  for (const [name, body] of Object.entries(bodiesFor(role))) app.registerTask({ name }, body)
  if (!(await app.listQueues()).includes(queueName)) await app.createQueue(queueName)
  // By default it looks every 250 ms, which is what each latency would then be.
  const worker = role === 'client' ? null : await app.startWorker({ concurrency: 50, pollInterval: 0.01 })
  const outputOf = async (work, input) => {
    const { taskID } = await app.spawn(work, input)
    const ended = await app.awaitTaskResult(taskID, { timeout: 600 })
    if (ended.state !== 'completed') throw new Error(JSON.stringify(ended))
    return ended.result
  }
  return {
    play: outputOf,
    start: async (work, input) => void (await app.spawn(work, input)),
    close: async () => {
      await worker?.close()
      await pool.end()
    },
  }
})
