// Restate. The service is a process of its own behind the server; `inline` is `ctx.run`, `rpc` a call of another handler.
import { setTimeout as delay } from 'node:timers/promises'
import * as restate from '@restatedev/restate-sdk'
import * as clients from '@restatedev/restate-sdk-clients'
import { serve } from '../src/programs/host.ts'

const steps = restate.service({
  name: 'steps',
  handlers: { step: async (_ctx, { i, bytes = 0 }) => ({ i, ok: true, pad: 'x'.repeat(bytes) }) },
})

const bench = restate.service({
  name: 'bench',
  handlers: {
    inline: async (ctx, { n = 1, bytes = 0 }) => {
      const pad = 'x'.repeat(bytes)
      let sum = 0
      for (let i = 0; i < n; i++) sum += (await ctx.run(`s${i}`, async () => ({ i, ok: true, pad }))).i
      return sum
    },
    rpc: async (ctx, { n = 1, bytes = 0 }) => {
      let sum = 0
      for (let i = 0; i < n; i++) sum += (await ctx.serviceClient(steps).step({ i, bytes })).i
      return sum
    },
    fanout: async (ctx, { n = 1 }) => {
      const calls = Array.from({ length: n }, (_, i) => ctx.serviceClient(steps).step({ i }))
      return (await restate.RestatePromise.all(calls)).length
    },
    nap: async (ctx, { ms = 0 }) => {
      const asleep = await ctx.run('before', async () => Date.now())
      await ctx.sleep(ms)
      return (await ctx.run('after', async () => Date.now())) - asleep - ms
    },
  },
})

async function register({ admin, serve: port }) {
  const body = JSON.stringify({ uri: `http://127.0.0.1:${port}`, force: true })
  const headers = { 'content-type': 'application/json' }
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(`${admin}/deployments`, { method: 'POST', headers, body })
    if (answer.ok) return
    if (attempt === 20) throw new Error(`registering the service: ${answer.status} ${await answer.text()}`)
    await delay(250)
  }
}

serve(async ({ place, role }) => {
  if (role !== 'client') {
    await restate.serve({ services: [steps, bench], port: place.restate.serve })
    await register(place.restate)
  }
  const client = clients.connect({ url: place.restate.ingress }).serviceClient(bench)
  return {
    play: (work, input) => client[work](input),
    close: () => Promise.resolve(),
  }
})
