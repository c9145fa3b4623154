import { createRegistry, createRpc, defineFunction, defineWorkflow } from '@pikku/core'
import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { RedisWorkflowService } from '@pikku/redis'
import type { Cluster, Redis } from 'ioredis'

export const runs = 300
export const steps = 10

interface Body {
  readonly workflow: { do<T>(name: string, step: string | (() => T), data?: unknown): Promise<T> }
}

const registry = createRegistry({
  functions: { echo: defineFunction((_services: object, i: number) => ({ i, ok: true })) },
  workflows: [
    {
      name: 'inline',
      func: defineWorkflow(async ({ workflow }: Body) => {
        for (let i = 0; i < steps; i++) await workflow.do(`s${i}`, () => ({ i, ok: true }))
      }),
    },
    {
      name: 'rpc',
      func: defineWorkflow(async ({ workflow }: Body) => {
        for (let i = 0; i < steps; i++) await workflow.do(`s${i}`, 'echo', i)
      }),
    },
  ],
})

const quiet = { debug: () => {}, info: () => {}, warn: console.warn, error: console.error }

/** Starts, takes turns and makes attempts, all in this process: what is looked at here is the server. */
export interface App {
  readonly workflowService: PgWorkflowService | RedisWorkflowService
  /** So many runs at once, until all have ended; answers the ms for each step. */
  play(workflow: 'inline' | 'rpc'): Promise<number>
  close(): Promise<void>
}

export async function openApp(where: string | Redis | Cluster): Promise<App> {
  const isPg = typeof where === 'string'
  const queueService = isPg ? new PgBossQueueService(where) : new BullQueueService(where)
  const workflowService = isPg
    ? new PgWorkflowService(where, queueService)
    : new RedisWorkflowService(where, queueService)
  const services = { workflowService, queueService, logger: quiet }
  workflowService.bind(services, registry)
  const workers = isPg ? new PgBossQueueWorkers(services) : new BullQueueWorkers(services)
  await workers.registerQueues()
  const rpc = createRpc(services)
  return {
    workflowService,
    play: async (workflow) => {
      const start = performance.now()
      const one = async (): Promise<unknown> => {
        const { runId } = await rpc.startWorkflow(workflow, null)
        return workflowService.waitForRun(runId)
      }
      await Promise.all(Array.from({ length: runs }, one))
      return (performance.now() - start) / (runs * steps)
    },
    close: async () => {
      await workers.close()
      await workflowService.close()
      await queueService.close()
    },
  }
}
