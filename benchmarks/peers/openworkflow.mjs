// OpenWorkflow. There is no other form than a worker that polls: alone it is in the process that starts the runs.
import { setTimeout as delay } from 'node:timers/promises'
import { OpenWorkflow } from 'openworkflow'
import { BackendPostgres } from 'openworkflow/postgres'
import { enteredForGood, serve } from '../src/programs/host.ts'

const names = ['inline', 'rpc', 'fanout', 'nap', 'doze', 'hang', 'pass']

function bodiesFor(role) {
  const sequence = async ({ input: { n = 1, bytes = 0 }, step }) => {
    const pad = 'x'.repeat(bytes)
    let sum = 0
    for (let i = 0; i < n; i++) sum += (await step.run({ name: `s${i}` }, async () => ({ i, ok: true, pad }))).i
    return sum
  }
  return {
    inline: sequence,
    rpc: sequence,
    fanout: async ({ input: { n = 1 }, step }) => {
      const all = Array.from({ length: n }, (_, i) => step.run({ name: `s${i}` }, async () => ({ i, ok: true })))
      return (await Promise.all(all)).length
    },
    nap: async ({ input: { ms = 0 }, step }) => {
      const asleep = await step.run({ name: 'before' }, async () => Date.now())
      await step.sleep('nap', `${ms}ms`)
      return (await step.run({ name: 'after' }, async () => Date.now())) - asleep - ms
    },
    doze: async ({ input: { ms = 0 }, step }) => step.sleep('doze', `${ms}ms`),
    hang: ({ step }) =>
      step.run({ name: 'mid' }, () => (role === 'first' ? enteredForGood() : Promise.resolve('done'))),
    pass: async ({ step }) => {
      for (let i = 0; ; i++) {
        const passedAt = await step.run({ name: `s${i}` }, async () => {
          await delay(20)
          return role === 'first' ? null : Date.now()
        })
        if (passedAt !== null) return passedAt
      }
    },
  }
}

serve(async ({ place, role }) => {
  const backend = await BackendPostgres.connect(place.url)
  const ow = new OpenWorkflow({ backend })
  const bodies = role === 'client' ? null : bodiesFor(role)
  if (bodies) for (const name of names) ow.implementWorkflow({ name }, bodies[name])
  const worker = bodies && ow.newWorker({ concurrency: 50 })
  await worker?.start()
  return {
    play: async (work, input) => (await ow.runWorkflow({ name: work }, input)).result({ timeoutMs: 600_000 }),
    start: async (work, input) => void (await ow.runWorkflow({ name: work }, input)),
    close: async () => {
      await worker?.stop()
      await backend.stop()
    },
  }
})
