import type {
  Duration,
  FunctionConfig,
  InputOf,
  OutputOf,
  RecordedError,
  WorkflowConfig,
  WorkflowStep,
  WorkflowWire,
} from '../../define/index.ts'
import type { HistoryEntry, RecordedHistory } from '../../service/index.ts'

/** A workflow of an app: what its `pikkuWorkflowFunc` returned. */
export type TestableWorkflow<In, Out, Bag, Rpcs, Workflows> = WorkflowConfig<
  In,
  Out,
  Bag,
  WorkflowWire<Rpcs, Workflows>
>

/** What a mock is given besides the data. */
export interface MockCall {
  /** The step it stands in for; undefined when it was called by `rpc.invoke`. */
  readonly workflowStep: WorkflowStep | undefined
  /** Take this long, in virtual time. */
  sleep(duration: Duration): Promise<void>
}

/** Stands in for one function of the app. */
export type Mock<In, Out> = (data: In, call: MockCall) => Out | Promise<Out>

/** Mocks by the name of the function; what `pikkuSessionlessFunc` returned is called as it is, with `services`. */
export type Mocks<Rpcs> = {
  readonly [Name in keyof Rpcs]?: Mock<InputOf<Rpcs, Name>, OutputOf<Rpcs, Name>> | FunctionConfig
}

/** Which attempts of which step. */
export interface StepChoice {
  /** The step's name. */
  readonly step: string
  /** The n-th use of the name, 0 for the first. Default: every use. */
  readonly ordinal?: number
  /** 1 for the first attempt; lost ones do not count. Default 1. */
  readonly attempt?: number
}

/** An attempt that is to fail: its function is not called. */
export interface StepFailure extends StepChoice {
  /** What the step throws. Default: an Error that says so. */
  readonly error?: unknown
}

/** How a workflow is tested. */
export interface TestOptions<In, Bag, Rpcs> {
  /** What the run is started with. */
  readonly input: In
  /** What its RPC steps call instead of the app's functions, whose `retries`, `retryDelay` and schemas stay in force. */
  readonly rpcs?: Mocks<Rpcs>
  /**
   * What functions and the workflow are given. With it a function without a mock is the app's own, called with these;
   * without it calling one is an error.
   */
  readonly services?: Partial<Bag>
  /** Attempts that fail. */
  readonly failures?: readonly StepFailure[]
  /**
   * Attempts in which the process dies: after the function has returned, before that is recorded. Another goes on. One that
   * is given twice dies twice.
   */
  readonly crashes?: readonly StepChoice[]
  /** The virtual time at the start. Default: 2030-01-01T00:00:00Z. */
  readonly startAt?: Date
}

/** One call of a function of the app. */
export interface RecordedCall<In = unknown, Out = unknown> {
  /** What it was called with. */
  readonly data: In
  /** The step it was called as; undefined for `rpc.invoke`. */
  readonly step: string | undefined
  /** 1 for the first. */
  readonly attempt: number
  /** Virtual time since the start, in ms. */
  readonly afterMs: number
  /** What it returned; undefined while it has not. */
  readonly result: Out | undefined
  /** What it threw. */
  readonly error: unknown
}

/** The calls of each function of the app, mocked or not, in order. */
export type RecordedCalls<Rpcs> = {
  readonly [Name in keyof Rpcs]: readonly RecordedCall<InputOf<Rpcs, Name>, OutputOf<Rpcs, Name>>[]
}

/** What can happen in a run. */
export type TimelineEvent =
  | 'started'
  | 'step entered'
  | 'step succeeded'
  | 'step failed'
  | 'sleep began'
  | 'sleep ended'
  | 'process died'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'suspended'

/** Something that happened in the run. */
export interface TimelineEntry {
  /** Virtual time since the start, in ms. */
  readonly afterMs: number
  /** What happened. */
  readonly event: TimelineEvent
  /** Of steps and sleeps: its name. */
  readonly step?: string
  /** Of steps: 1 for the first. */
  readonly attempt?: number
}

/** How a tested run went. */
export interface TestedRun<Out, Rpcs> {
  /** How it ended, or that it waits for a person. */
  readonly status: 'completed' | 'failed' | 'cancelled' | 'suspended'
  /** Set when completed. */
  readonly output: Out | undefined
  /** Set when failed; when cancelled or suspended its message is the reason. */
  readonly error: RecordedError | undefined
  /** One entry for each finished attempt, as `workflowService.getRunHistory` shows it. */
  readonly history: readonly HistoryEntry[]
  /** Everything that happened, in order. */
  readonly timeline: readonly TimelineEntry[]
  /** Of the functions of the app, by name. */
  readonly calls: RecordedCalls<Rpcs>
  /** As `workflowService.exportHistory` gives it, for `replayHistory`. */
  readonly recorded: RecordedHistory
}

/** A step whose function ran again because of a death. */
export interface RepeatedStep {
  /** Its name. */
  readonly step: string
  /** The n-th use of the name, 0 for the first. */
  readonly ordinal: number
  /** An inline step has no `invocationId`. */
  readonly kind: 'rpc' | 'inline'
  /** The function an RPC step called. */
  readonly rpcName: string | undefined
  /** At which writes, in words: `dies before the record that 'Charge' succeeded`. */
  readonly when: readonly string[]
}

/** What deaths at every write of a run came to. */
export interface CrashReport<Out> {
  /** How the run ends, every time. */
  readonly status: TestedRun<Out, unknown>['status']
  /** Set when completed. */
  readonly output: Out | undefined
  /** Set when failed; when cancelled or suspended its message is the reason. */
  readonly error: RecordedError | undefined
  /** How often it was run. */
  readonly runs: number
  /** Every write of the undisturbed run, in words. */
  readonly writes: readonly string[]
  /**
   * Steps whose side effects would happen twice: their functions ran again, and did not take the `invocationId` by which
   * the outside could tell. Every inline step that ran again is among them, for it has none.
   */
  readonly doubled: readonly RepeatedStep[]
  /** Steps whose functions ran again and took their `invocationId` each time. What they do with it is theirs. */
  readonly safe: readonly RepeatedStep[]
}

/** What the code of today makes of a recorded history. */
export interface ReplayedHistory<Out> {
  /** It asks for the same. */
  readonly ok: boolean
  /** How it differs, for people; null when it does not. */
  readonly divergence: string | null
  /** Where this history leaves the run with this code: `running` when it goes on from there. */
  readonly status: 'running' | 'completed' | 'failed' | 'cancelled' | 'suspended'
  /** Set when completed. */
  readonly output: Out | undefined
  /** Set when failed or cancelled. */
  readonly error: unknown
  /** Steps that the code asks for next and the history does not hold, by name. */
  readonly next: readonly string[]
}
