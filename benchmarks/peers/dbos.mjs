// DBOS Transact. Alone: workflows started in this process. Otherwise: enqueued by a DBOSClient, executed by a worker process.
import { setTimeout as delay } from 'node:timers/promises'
import dbos from '@dbos-inc/dbos-sdk'
import { enteredForGood, serve } from '../src/programs/host.ts'

const { DBOS, DBOSClient } = dbos
const queueName = 'bench'

function workflowsFor(role) {
  const step = (name, fn) => DBOS.runStep(fn, { name })
  const child = DBOS.registerWorkflow(({ i }) => step('s', async () => ({ i, ok: true })), { name: 'child' })
  // A function can be registered once.
  const sequence =
    () =>
    async ({ n = 1, bytes = 0 }) => {
      const pad = 'x'.repeat(bytes)
      let sum = 0
      for (let i = 0; i < n; i++) sum += (await step(`s${i}`, async () => ({ i, ok: true, pad }))).i
      return sum
    }
  const bodies = {
    inline: sequence(),
    rpc: sequence(),
    fanout: async ({ n = 1 }) => {
      const handles = []
      for (let i = 0; i < n; i++) handles.push(await DBOS.startWorkflow(child, { queueName })({ i }))
      for (const handle of handles) await handle.getResult()
      return n
    },
    nap: async ({ ms = 0 }) => {
      const asleep = await step('before', async () => Date.now())
      await DBOS.sleep(ms)
      return (await step('after', async () => Date.now())) - asleep - ms
    },
    doze: async ({ ms = 0 }) => DBOS.sleep(ms),
    hang: () => step('mid', () => (role === 'first' ? enteredForGood() : Promise.resolve('done'))),
    pass: async () => {
      for (let i = 0; ; i++) {
        const passedAt = await step(`s${i}`, async () => {
          await delay(20)
          return role === 'first' ? null : Date.now()
        })
        if (passedAt !== null) return passedAt
      }
    },
  }
  return Object.fromEntries(Object.entries(bodies).map(([name, body]) => [name, DBOS.registerWorkflow(body, { name })]))
}

async function openClient(systemDatabaseUrl) {
  const client = await DBOSClient.create({ systemDatabaseUrl, applicationName: 'bench', systemDatabasePoolSize: 20 })
  const start = (work, input) => client.enqueue({ workflowName: work, queueName }, input)
  // By default a client looks for its result once a second. Few may look often; many would be in the worker's way.
  let waiting = 0
  const resultOf = async (handle) => {
    waiting += 1
    try {
      return await handle.getResult({ pollingIntervalMs: Math.max(10, 3 * waiting) })
    } finally {
      waiting -= 1
    }
  }
  return {
    play: async (work, input) => resultOf(await start(work, input)),
    start: async (work, input) => void (await start(work, input)),
    close: () => client.destroy(),
  }
}

serve(async ({ place, role }) => {
  if (role === 'client') return openClient(place.url)
  const workflows = workflowsFor(role)
  DBOS.setConfig({
    name: 'bench',
    systemDatabaseUrl: place.url,
    logLevel: 'error',
    systemDatabasePoolSize: 20,
    // Of one process: another worker is another executor.
    ...(role === 'alone' ? {} : { executorID: role }),
  })
  await DBOS.launch()
  if (role !== 'alone') {
    // By default it looks once a second, which is what each latency would then be.
    await DBOS.registerQueue(queueName, {
      workerConcurrency: 50,
      minPollingIntervalMs: 50,
      onConflict: 'always_update',
    })
  }
  return {
    play: async (work, input) => (await DBOS.startWorkflow(workflows[work])(input)).getResult(),
    start: async (work, input) => void (await DBOS.startWorkflow(workflows[work])(input)),
    close: () => DBOS.shutdown(),
  }
})
