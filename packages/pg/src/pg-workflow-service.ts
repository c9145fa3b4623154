import type { QueueService } from '@pikku/core/contract'
import {
  AppLogger,
  checkServiceOptions,
  defaultLeaseMs,
  WorkflowService,
  type WorkflowServiceOptions,
} from '@pikku/core/service'
import type { Connection } from './driver.ts'
import { openPgStore } from './pg-store.ts'

/** Options of `PgWorkflowService`: those of every workflow service, and PostgreSQL's own. */
export interface PgWorkflowServiceOptions extends WorkflowServiceOptions {
  /**
   * Create and upgrade the tables on first use. Default true. With false a missing or older schema is an error that
   * carries the SQL to run, for roles that may not.
   */
  readonly migrate?: boolean
  /** False: no prepared statements, for poolers in transaction mode. Default: as the connection says. */
  readonly prepare?: boolean
  /** @internal Added to the server's clock in every statement, in ms. */
  readonly clockOffsetMs?: () => number
}

const yesOrNo = { accepts: (value: unknown) => typeof value === 'boolean', accepted: 'true or false' }
const ownRules = {
  migrate: yesOrNo,
  prepare: yesOrNo,
  clockOffsetMs: { accepts: (value: unknown) => typeof value === 'function', accepted: 'a function', hidden: true },
}

/**
 * Workflow runs in PostgreSQL, in the tables `workflow_runs` and `workflow_step` (and what belongs to them) of one schema.
 *
 * `connection`: a postgres.js `sql`, its options, or a URL. From a `sql` only the options are taken: the service opens a
 * few connections of its own, and `close()` leaves the given one open. Nothing is opened before the first use.
 *
 * `queueService`: with one, runs are handed to workers; without, and without one in the singleton services, each run
 * executes in the process that starts it.
 *
 * @throws `WorkflowError` with code `INVALID_NAME` for a schema name, `CONFIGURATION` for an option that is not accepted
 * @example
 * const sql = postgres('postgresql://localhost:5432/myapp')
 * const queueService = new PgBossQueueService('postgresql://localhost:5432/myapp')
 * const workflowService = new PgWorkflowService(sql, queueService, 'workflows')
 */
export class PgWorkflowService extends WorkflowService {
  readonly #logger: AppLogger

  constructor(
    connection: Connection,
    queueService?: QueueService,
    schema = 'workflows',
    options: PgWorkflowServiceOptions = {},
  ) {
    checkServiceOptions(options, ownRules)
    const { migrate, prepare, clockOffsetMs } = options
    const logger = new AppLogger()
    const leaseMs = options.leaseMs ?? defaultLeaseMs
    const given = {
      ...(migrate === undefined ? {} : { migrate }),
      ...(prepare === undefined ? {} : { prepare }),
      ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
    }
    super(openPgStore(connection, schema, { leaseMs, logger, ...given }), queueService, options)
    this.#logger = logger
  }

  /** @internal */
  override bind(...[services, registry]: Parameters<WorkflowService['bind']>): void {
    super.bind(services, registry)
    this.#logger.use(services)
  }
}
