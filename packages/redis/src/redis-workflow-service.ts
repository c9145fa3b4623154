import type { QueueService } from '@pikku/core/contract'
import {
  AppLogger,
  checkServiceOptions,
  defaultLeaseMs,
  WorkflowService,
  type WorkflowServiceOptions,
} from '@pikku/core/service'
import type { Given } from './given.ts'
import { openRedisStore } from './redis-store.ts'

/** Options of `RedisWorkflowService`: those of every workflow service. */
export interface RedisWorkflowServiceOptions extends WorkflowServiceOptions {
  /** @internal Into how many buckets a new prefix is divided. */
  readonly buckets?: number
  /** @internal Added to the server's clock in every script, in ms. */
  readonly clockOffsetMs?: () => number
}

const ownRules = {
  buckets: {
    accepts: (value: unknown) => Number.isInteger(value) && Number(value) > 0 && Number(value) <= 1024,
    accepted: 'a whole number from 1 to 1024',
    hidden: true,
  },
  clockOffsetMs: { accepts: (value: unknown) => typeof value === 'function', accepted: 'a function', hidden: true },
}

/**
 * Workflow runs in Redis 6.2 or newer, or in a Redis Cluster, in keys that begin with `<prefix>:`.
 *
 * `redis`: a `Redis` or `Cluster` of ioredis, options of `Redis`, or a URL. Of a client only the options are taken: the
 * service opens a few connections of its own, and `close()` leaves the given one open. Nothing is opened before the first
 * use. A client's `keyPrefix` stands before the prefix.
 *
 * `queueService`: with one, runs are handed to workers; without, and without one in the singleton services, each run
 * executes in the process that starts it.
 *
 * @throws `WorkflowError` with code `INVALID_NAME` for a prefix, `CONFIGURATION` for an option or a connection that is not
 * accepted
 * @example
 * const redis = new Redis('redis://localhost:6379')
 * const queueService = new BullQueueService('redis://localhost:6379')
 * const workflowService = new RedisWorkflowService(redis, queueService, 'workflows')
 */
export class RedisWorkflowService extends WorkflowService {
  readonly #logger: AppLogger

  constructor(
    redis: Given,
    queueService?: QueueService,
    prefix = 'workflows',
    options: RedisWorkflowServiceOptions = {},
  ) {
    checkServiceOptions(options, ownRules)
    const { buckets, clockOffsetMs } = options
    const logger = new AppLogger()
    const leaseMs = options.leaseMs ?? defaultLeaseMs
    const given = {
      ...(buckets === undefined ? {} : { buckets }),
      ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
    }
    super(openRedisStore(redis, prefix, { leaseMs, logger, ...given }), queueService, options)
    this.#logger = logger
  }

  /** @internal */
  override bind(...[services, registry]: Parameters<WorkflowService['bind']>): void {
    super.bind(services, registry)
    this.#logger.use(services)
  }
}
