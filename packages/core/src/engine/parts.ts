import type { Clock, RunNotices, WorkflowStore } from '../contract/index.ts'
import type { Registry } from '../define/index.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import type { Payloads } from './payloads.ts'
import type { Report } from './report.ts'
import type { EngineSettings } from './settings.ts'
import type { Sweeper } from './sweeper.ts'

/** What the parts of one engine share. */
export interface EngineParts {
  /** This process, as leases name it. */
  readonly owner: string
  readonly store: WorkflowStore
  readonly notices: RunNotices
  readonly clock: Clock
  readonly registry: Registry
  readonly payloads: Payloads
  readonly settings: EngineSettings
  readonly report: Report
  readonly keeper: LeaseKeeper
  readonly dispatcher: Dispatcher
  readonly sweeper: Sweeper
  readonly app: AppFunctions
  /** How long what is given back waits before anybody may take it: 0 where the queue tells the others at once. */
  readonly handOverMs: number
  /** Aborts when this process takes no more work. */
  readonly stopping: AbortSignal
  /** Aborts when its grace is over too. */
  readonly graceOver: AbortSignal
}

/** How the app's functions are called: with its services, and `rpc` bound to them. */
export interface AppFunctions {
  /** Run a function as a step or as a call, its schemas applied. */
  callRpc(name: string, data: unknown, extras: object): Promise<unknown>
  /** Run a workflow's body. */
  callWorkflow(name: string, input: unknown, workflow: object): Promise<unknown>
}
