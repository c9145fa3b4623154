import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Logger } from '../contract/queue-service.ts'
import type { RunStatus } from '../contract/records.ts'

/**
 * A length of time: milliseconds, or a number with a unit.
 *
 * @example
 * 1500, '500ms', '5s', '30s', '5min', '2h', '1d', '1w', '2 hours'
 */
export type Duration = number | string

/** What a name of one of the app's maps stands for: what callers give and what they get. */
export interface Signature {
  /** What a caller gives. */
  readonly input: unknown
  /** What a caller gets. */
  readonly output: unknown
}

/** The map of an app whose names are not known to the compiler. */
export type UntypedMap = Readonly<Record<string, Signature>>

/** The input of `Name` in a generated map. */
export type InputOf<Map, Name extends keyof Map> = Map[Name] extends { readonly input: infer In } ? In : never

/** The output of `Name` in a generated map. */
export type OutputOf<Map, Name extends keyof Map> = Map[Name] extends { readonly output: infer Out } ? Out : never

/** The data argument, which may be left out where the input may be undefined, followed by `Rest`. */
export type DataArgs<In, Rest extends readonly unknown[] = []> = undefined extends In
  ? [data?: In, ...rest: Rest]
  : [data: In, ...rest: Rest]

/** What a caller gives to something checked by this schema. */
export type SchemaInput<Schema extends StandardSchemaV1> = StandardSchemaV1.InferInput<Schema>

/** What comes out of this schema. */
export type SchemaOutput<Schema extends StandardSchemaV1> = StandardSchemaV1.InferOutput<Schema>

/** How a step is tried again. An option given here wins over the function's own. */
export interface StepOptions {
  /** Extra attempts after the first: 2 means at most 3 in total. Default: the function's own, else 0. */
  readonly retries?: number
  /** The least time between two attempts; it outlives a restart. Default: the function's own, else 0. */
  readonly retryDelay?: Duration
}

/** The step a function runs as. Absent when it was called in another way. */
export interface WorkflowStep {
  /** Of the run that this step belongs to. */
  readonly runId: string
  /** Identifies the step inside its run: to show, not to parse. */
  readonly stepId: string
  /** 1 for the first attempt. */
  readonly attemptCount: number
  /** The same for every attempt of this step, so it serves as the idempotency key of what the step does outside. */
  readonly invocationId: string
  /** Aborts when the run was cancelled, the lease was lost, or the worker stops and its grace is over. */
  readonly signal: AbortSignal
}

/** An error as it was recorded. */
export interface RecordedError {
  /** The error's `name`, such as 'TypeError'. */
  readonly name: string
  /** The error's `message`. */
  readonly message: string
  /** The error's `code`, where it had one that is a string or a number. */
  readonly code?: string | number
  /** Where it was thrown, where that was recorded. */
  readonly stack?: string
}

/** A run as the workflow service shows it. */
export interface WorkflowRun {
  /** The caller's own id, or a UUIDv7. */
  readonly id: string
  /** The workflow's name. */
  readonly workflow: string
  /** `suspended` is a kind of waiting, not an end. */
  readonly status: RunStatus
  /** What the run was started with. */
  readonly input: unknown
  /** Set when completed. */
  readonly output: unknown
  /** Set when failed; when cancelled or suspended its message is the reason. */
  readonly error: RecordedError | undefined
  /** Of the workflow when the run was started. */
  readonly tags: readonly string[]
  /** When the run was started, by the store's clock. */
  readonly createdAt: Date
  /** When its record last changed. */
  readonly updatedAt: Date
  /** Set when completed, failed or cancelled. */
  readonly endedAt: Date | undefined
}

/**
 * What a workflow's body asks for. Between steps a body decides only from its input, from step results and from
 * `now`, `random` and `uuid`: it is run again from its history, and must ask for the same.
 */
export interface WorkflowContext<Rpcs = UntypedMap> {
  /** Of this run. */
  readonly runId: string
  /** The name this workflow was wired with. */
  readonly workflowName: string

  /**
   * Run one of the app's functions as a step: its result is recorded once, and its attempts go to any worker.
   * The n-th use of a step name is the n-th record of that name.
   *
   * @throws what the function threw, when no attempt is left
   * @example
   * const { userId } = await workflow.do('Create user', 'createUser', { email }, { retries: 2, retryDelay: '1s' })
   */
  do<Name extends keyof Rpcs & string>(
    stepName: string,
    rpcName: Name,
    ...args: DataArgs<InputOf<Rpcs, Name>, [options?: StepOptions]>
  ): Promise<OutputOf<Rpcs, Name>>

  /**
   * Run `fn` here as a step: its result is recorded once. When the process dies meanwhile, `fn` runs again.
   * `signal` aborts when the run has ended, its lease was lost, or this process stops and its grace is over.
   *
   * @throws what `fn` threw, when no attempt is left
   * @example
   * const to = await workflow.do('Pick address', async () => email.toLowerCase())
   */
  do<Out>(
    stepName: string,
    fn: (step: { readonly signal: AbortSignal }) => Out | PromiseLike<Out>,
    options?: StepOptions,
  ): Promise<Out>

  /**
   * Wait. The time is kept in the store: it passes while no process lives, and years are in range.
   *
   * @example
   * await workflow.sleep('Cool-off', '3d')
   */
  sleep(stepName: string, duration: Duration): Promise<void>

  /** Wait until a moment; one that has passed does not wait. */
  sleepUntil(stepName: string, date: Date): Promise<void>

  /** End this run at once as `cancelled`. It never settles: nothing after it runs, neither `catch` nor `finally`. */
  cancel(reason?: string): Promise<never>

  /** This run as it is recorded now. */
  getRun(): Promise<WorkflowRun>

  /** The time, the same in every replay. */
  now(): Date

  /** At least 0, less than 1; the same in every replay. */
  random(): number

  /** A version 4 UUID, the same in every replay. */
  uuid(): string
}

/** What `startWorkflow` resolves with. */
export interface StartedWorkflow {
  /** The id that was given, or a UUIDv7. */
  readonly runId: string
  /** False when a run with the given id existed already: this is that run. */
  readonly created: boolean
}

/** The app's functions and workflows, by name. */
export interface TypedRpc<Rpcs = UntypedMap, Workflows = UntypedMap> {
  /** How deep this call is nested: 0 outside any function. */
  readonly depth: number

  /**
   * Call a function in this process. In a workflow's body it throws: there use `workflow.do(stepName, name, data)`.
   *
   * @throws what the function throws; `WorkflowError` with code `RPC_NOT_FOUND` for an unknown name
   */
  invoke<Name extends keyof Rpcs & string>(
    name: Name,
    ...args: DataArgs<InputOf<Rpcs, Name>>
  ): Promise<OutputOf<Rpcs, Name>>

  /**
   * Start a run. With a queue it resolves as soon as the run is durable. Without one, in inline mode, it resolves when
   * the run has ended, however it ended, or was suspended: `workflowService.getRun` tells which. Inside a step it
   * resolves as soon as the run is durable in either mode: a step that waited for a run would keep a place which that
   * run may need.
   *
   * `runId`: the caller's own id, up to 200 characters; the same id again returns the run that exists. Default: a UUIDv7.
   *
   * @throws `WorkflowError` with code `WORKFLOW_NOT_FOUND`, `INVALID_INPUT`, `NOT_SERIALIZABLE`, `PAYLOAD_TOO_LARGE`, or
   *   `RUN_CONFLICT` when the id belongs to another workflow or another input, `STORE_UNAVAILABLE` in inline mode when the
   *   workflow service was closed before the run ended: the run goes on without it
   * @example
   * const { runId } = await rpc.startWorkflow('onboarding', { email: 'a@b.c' })
   */
  startWorkflow<Name extends keyof Workflows & string>(
    name: Name,
    ...args: DataArgs<InputOf<Workflows, Name>, [options?: { readonly runId?: string }]>
  ): Promise<StartedWorkflow>
}

/** The job a function wired with `wireQueueWorker` runs for. Absent when it was called in another way. */
export interface QueueWire {
  /** The queue that the job came from. */
  readonly queueName: string
  /** Of the job, unique in its queue. */
  readonly jobId: string
  /**
   * Keep how far this job is: whoever has the job reads it with `(await job.metadata()).progress`, also after its end.
   *
   * @throws `NotSerializableError`; `WorkflowError` with code `LEASE_LOST` once this attempt is over
   * @example
   * await queue.updateProgress({ done: 3, of: 10 })
   */
  updateProgress(progress: number | string | object): Promise<void>
  /** Fail this attempt, by an error thrown here; further attempts of the job go on. */
  fail(reason?: string): never
  /** Fail this job at once, attempts left or not, by a `NonRetryableError` thrown here. */
  discard(reason?: string): never
}

/** The app's services, with a console logger where they bring none. */
export type WithLogger<Services> = Services extends { logger: object } ? Services : Services & { logger: Logger }

/** What a function is given beside the services. */
export interface FunctionWire<Rpcs = UntypedMap, Workflows = UntypedMap> {
  /** Calls the app's functions and starts its workflows, by name. */
  readonly rpc: TypedRpc<Rpcs, Workflows>
  /** Set when the function runs as a step of a workflow. */
  readonly workflowStep?: WorkflowStep
  /** Set when the function handles a job. */
  readonly queue?: QueueWire
}

/** What a workflow is given beside the services. */
export interface WorkflowWire<Rpcs = UntypedMap, Workflows = UntypedMap> {
  /** Steps, sleeps, and what else a body may ask for. */
  readonly workflow: WorkflowContext<Rpcs>
  /** The app's functions and workflows, for what runs inside a step; `rpc.invoke` in the body itself throws. */
  readonly rpc: TypedRpc<Rpcs, Workflows>
}

/**
 * A function of the app: `(services, data, wire)`, where the services carry all of the wire as well.
 *
 * @example
 * async ({ logger, rpc }, { email }) => { … }
 * async ({ logger }, { email }, { rpc, workflowStep }) => { … }
 */
export type PikkuFunction<In, Out, Services = object, Wire = FunctionWire> = (
  services: WithLogger<Services> & Wire,
  data: In,
  wire: Wire,
) => Out | Promise<Out>
