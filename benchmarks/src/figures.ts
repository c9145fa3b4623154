// pnpm --filter benchmarks figures [pg|redis]: what a start, a step and a run cost, with the worker in a process of its
// own and state and queue on private servers.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import { startFreshPostgres } from '@pikku/tooling/postgres'
import { startFreshRedis } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'
import { openServices, type Place, type Services, type StoreName } from './app.ts'

const latencySamples = 1_000
const countedSteps = 500
const weighedRuns = 2_000
const weighedSteps = 10

interface World {
  readonly services: Services
  /** Of the server that holds the state and nothing else. Null for PostgreSQL, whose wire the tests count. */
  readonly state: Redis | null
  close(): Promise<void>
}

async function open(store: StoreName): Promise<World> {
  // Two servers, so that what the queue costs is not counted as the store's.
  const start = store === 'pg' ? startFreshPostgres : startFreshRedis
  const [stateServer, queueServer] = await Promise.all([start(), start()])
  const place: Place = { store, storeUrl: stateServer.url, queueUrl: queueServer.url }
  const services = openServices(place)
  await services.workflowService.init()
  const worker = await startWorker(place)
  const state = store === 'redis' ? new Redis(stateServer.url) : null
  const close = async (): Promise<void> => {
    worker.disconnect()
    await services.workflowService.close()
    await services.queueService.close()
    await state?.quit()
    await Promise.all([stateServer.dispose(), queueServer.dispose()])
  }
  return { services, state, close }
}

async function startWorker(place: Place): Promise<ChildProcess> {
  const worker = fork(new URL('worker.ts', import.meta.url), { execArgv: process.execArgv })
  worker.send(place)
  await once(worker, 'message')
  return worker
}

async function play({ workflowService }: Services, workflow: string, steps: number): Promise<void> {
  const { runId } = await workflowService.startRun(workflow, steps)
  await workflowService.waitForRun(runId)
}

/** From the call of `startWorkflow` to the answer of `waitForRun`, one run after the other. */
async function latency(services: Services, workflow: string): Promise<string> {
  const taken: number[] = []
  for (let i = 0; i < latencySamples + 100; i++) {
    const start = performance.now()
    await play(services, workflow, 1)
    if (i >= 100) taken.push(performance.now() - start)
  }
  taken.sort((a, b) => a - b)
  const at = (share: number): string => (taken[Math.floor(taken.length * share)] ?? NaN).toFixed(1)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (n = ${taken.length})`
}

/** Several runs at once, each step after the one before. */
async function throughput(services: Services, workflow: string, runs: number): Promise<string> {
  const start = performance.now()
  await Promise.all(Array.from({ length: runs }, () => play(services, workflow, 20)))
  return `${Math.round((runs * 20 * 1000) / (performance.now() - start))} steps/s (${runs} runs at once)`
}

async function scriptsPerStep({ services, state }: World & { state: Redis }, workflow: string): Promise<string> {
  await play(services, workflow, 1)
  const before = await scriptCalls(state)
  await play(services, workflow, countedSteps)
  const calls = (await scriptCalls(state)) - before
  return `${(calls / countedSteps).toFixed(2)} scripts a step, one round trip each (over ${countedSteps} steps; renewals and sweeps included)`
}

async function scriptCalls(state: Redis): Promise<number> {
  const found = /cmdstat_evalsha:calls=(\d+)/.exec(await state.info('commandstats'))
  return Number(found?.[1] ?? 0)
}

async function memory({ services, state }: World & { state: Redis }): Promise<readonly string[]> {
  const bytes = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await state.info('memory'))?.[1])
  const grownBy = async (workflow: string, steps: number): Promise<number> => {
    const before = await bytes()
    for (let i = 0; i < weighedRuns; i += 50) {
      await Promise.all(Array.from({ length: 50 }, () => play(services, workflow, steps)))
    }
    return ((await bytes()) - before) / weighedRuns
  }
  const none = await grownBy('inline', 0)
  const inline = ((await grownBy('inline', weighedSteps)) - none) / weighedSteps
  const rpc = ((await grownBy('rpc', weighedSteps)) - none) / weighedSteps
  return [
    `memory of an ended run without steps: ${Math.round(none)} bytes (${weighedRuns} runs)`,
    `memory of an inline step: ${Math.round(inline)} bytes`,
    `memory of an rpc step: ${Math.round(rpc)} bytes`,
  ]
}

async function measure(store: StoreName): Promise<void> {
  const world = await open(store)
  const { services, state } = world
  console.log(
    `\n${store === 'pg' ? 'PostgreSQL and pg-boss' : 'Redis and BullMQ'}; ${os.cpus().length} cores, Node ${process.version}`,
  )
  try {
    console.log(`start → done, one rpc step:    ${await latency(services, 'rpc')}`)
    console.log(`start → done, one inline step: ${await latency(services, 'inline')}`)
    console.log(`rpc steps:    ${await throughput(services, 'rpc', 100)}`)
    console.log(`inline steps: ${await throughput(services, 'inline', 100)}`)
    if (state) {
      console.log(`rpc step:    ${await scriptsPerStep({ ...world, state }, 'rpc')}`)
      console.log(`inline step: ${await scriptsPerStep({ ...world, state }, 'inline')}`)
      for (const line of await memory({ ...world, state })) console.log(line)
    }
  } finally {
    await world.close()
  }
}

const asked = process.argv[2]
if (asked !== undefined && asked !== 'pg' && asked !== 'redis') throw new Error(`got '${asked}'; accepted: pg, redis`)
for (const store of ['pg', 'redis'] as const) if (asked === undefined || asked === store) await measure(store)
