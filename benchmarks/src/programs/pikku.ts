// Ours. Alone it is in inline mode, without a queue; otherwise clients and workers are processes of their own.
import { setTimeout as delay } from 'node:timers/promises'
import { createRegistry, createRpc, defineFunction, defineWorkflow, type Registry } from '@pikku/core'
import type { QueueService } from '@pikku/core/contract'
import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { RedisWorkflowService } from '@pikku/redis'
import { enteredForGood, serve } from './host.ts'
import type { Driver, Input, OpenRequest, Place, Role, Work } from './protocol.ts'

interface Body {
  readonly workflow: {
    do<T>(name: string, step: string | (() => T | Promise<T>), data?: unknown): Promise<T>
    sleep(name: string, ms: number): Promise<void>
  }
}

type Bodies = Readonly<Record<Work, (context: Body, input: Input) => Promise<unknown>>>

function bodies(role: Role): Bodies {
  return {
    inline: async ({ workflow }, { n = 1, bytes = 0 }) => {
      const pad = 'x'.repeat(bytes)
      let sum = 0
      for (let i = 0; i < n; i++) sum += (await workflow.do(`s${i}`, () => ({ i, ok: true, pad }))).i
      return sum
    },
    rpc: async ({ workflow }, { n = 1, bytes = 0 }) => {
      let sum = 0
      for (let i = 0; i < n; i++) sum += (await workflow.do<{ i: number }>(`s${i}`, 'echo', { i, bytes })).i
      return sum
    },
    fanout: async ({ workflow }, { n = 1 }) => {
      const steps = Array.from({ length: n }, (_, i) => workflow.do(`s${i}`, 'echo', { i, bytes: 0 }))
      return (await Promise.all(steps)).length
    },
    nap: async ({ workflow }, { ms = 0 }) => {
      const asleep = await workflow.do('before', () => Date.now())
      await workflow.sleep('nap', ms)
      return (await workflow.do('after', () => Date.now())) - asleep - ms
    },
    doze: async ({ workflow }, { ms = 0 }) => workflow.sleep('doze', ms),
    hang: async ({ workflow }) => workflow.do('mid', 'hang', {}),
    pass: async ({ workflow }) => {
      for (let i = 0; ; i++) {
        const passedAt = await workflow.do(`s${i}`, async () => {
          await delay(20)
          return role === 'first' ? null : Date.now()
        })
        if (passedAt !== null) return passedAt
      }
    },
  }
}

function registryFor(role: Role): Registry {
  const echo = defineFunction((_services: object, { i, bytes }: { i: number; bytes: number }) => {
    return { i, ok: true, pad: 'x'.repeat(bytes) }
  })
  const hang = defineFunction(() => (role === 'first' ? enteredForGood() : Promise.resolve('done')))
  const workflows = Object.entries(bodies(role)).map(([name, body]) => ({ name, func: defineWorkflow(body) }))
  return createRegistry({ functions: { echo, hang }, workflows })
}

interface Services {
  readonly workflowService: PgWorkflowService | RedisWorkflowService
  readonly queueService?: QueueService
}

function servicesAt({ store, url }: Place, role: Role): Services {
  const isPg = store === 'pg'
  if (role === 'alone') return { workflowService: isPg ? new PgWorkflowService(url) : new RedisWorkflowService(url) }
  const queueService = isPg ? new PgBossQueueService(url) : new BullQueueService(url)
  const workflowService = isPg ? new PgWorkflowService(url, queueService) : new RedisWorkflowService(url, queueService)
  return { workflowService, queueService }
}

serve(async ({ place, role }: OpenRequest): Promise<Driver> => {
  const services = servicesAt(place, role)
  const { workflowService, queueService } = services
  workflowService.bind(services, registryFor(role))
  await workflowService.init()
  const Workers = place.store === 'pg' ? PgBossQueueWorkers : BullQueueWorkers
  const workers = role === 'worker' || role === 'first' ? new Workers(services) : null
  await workers?.registerQueues()
  if (role === 'first') process.once('SIGTERM', () => void workers?.close())
  const rpc = createRpc(services)
  return {
    play: async (work, input) => {
      const { runId } = await rpc.startWorkflow(work, input)
      return workflowService.waitForRun(runId)
    },
    start: (work, input) => rpc.startWorkflow(work, input),
    close: async () => {
      await workers?.close()
      await workflowService.close()
      await queueService?.close()
    },
  }
})
