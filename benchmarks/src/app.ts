import { createRegistry, defineFunction, defineWorkflow, type Registry } from '@pikku/core'
import type { QueueService } from '@pikku/core/contract'
import { PgWorkflowService } from '@pikku/pg'
import { BullQueueService } from '@pikku/queue-bullmq'
import { PgBossQueueService } from '@pikku/queue-pg-boss'
import { RedisWorkflowService } from '@pikku/redis'

export type StoreName = 'pg' | 'redis'

/** Where one process finds its state and its queue. */
export interface Place {
  readonly store: StoreName
  readonly storeUrl: string
  readonly queueUrl: string
}

export interface Services {
  readonly workflowService: PgWorkflowService | RedisWorkflowService
  readonly queueService: QueueService
}

interface Loop {
  readonly workflow: {
    do<T>(name: string, step: string | (() => T), data?: unknown): Promise<T>
  }
}

/** `rpc` and `inline`: that many steps, one after the other. */
function registryOfSteps(): Registry {
  return createRegistry({
    functions: { echo: defineFunction(async (_services: object, data: unknown) => data) },
    workflows: [
      {
        name: 'rpc',
        func: defineWorkflow(async ({ workflow }: Loop, steps: number) => {
          for (let i = 0; i < steps; i++) await workflow.do('step', 'echo', { i })
        }),
      },
      {
        name: 'inline',
        func: defineWorkflow(async ({ workflow }: Loop, steps: number) => {
          for (let i = 0; i < steps; i++) await workflow.do('step', () => ({ i }))
        }),
      },
    ],
  })
}

export function openServices({ store, storeUrl, queueUrl }: Place): Services {
  const queueService = store === 'pg' ? new PgBossQueueService(queueUrl) : new BullQueueService(queueUrl)
  const workflowService =
    store === 'pg' ? new PgWorkflowService(storeUrl, queueService) : new RedisWorkflowService(storeUrl, queueService)
  const services = { workflowService, queueService }
  workflowService.bind(services, registryOfSteps())
  return services
}
