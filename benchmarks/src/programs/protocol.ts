/** What every system can be asked to run, under the same name and with the same meaning. */
export type Work = 'inline' | 'rpc' | 'fanout' | 'nap' | 'hang' | 'pass' | 'doze'

/** What a run is given. */
export interface Input {
  /** How many steps. */
  readonly n?: number
  /** `nap`, `doze`: how long to sleep. */
  readonly ms?: number
  /** How large each step's result is made, about. */
  readonly bytes?: number
}

/**
 * Whether a process starts runs, executes them, or both. `first` is a worker that is going to be taken away: in it a step
 * of `hang` never ends.
 */
export type Role = 'client' | 'worker' | 'first' | 'alone'

/** Where a system keeps its state. */
export interface Place {
  readonly store: 'pg' | 'redis'
  /** Of the server, with the database that is this system's own. */
  readonly url: string
  /** Of a Restate server that runs for this system alone. */
  readonly restate?: { readonly ingress: string; readonly admin: string; readonly serve: number }
}

/** What a system does in one process. Programs open one, and the host drives it. */
export interface Driver {
  /** Start a run and wait for its output, the way its documentation says. Absent in a process that only executes. */
  play?(work: Work, input: Input): Promise<unknown>
  /** Start a run and do not wait for it. */
  start?(work: Work, input: Input): Promise<unknown>
  close(): Promise<void>
}

export interface OpenRequest {
  readonly place: Place
  readonly role: Role
}

/** Many runs of one kind. */
export interface PlayRequest {
  readonly work: Work
  readonly input: Input
  readonly times: number
  /** How many of them at once. */
  readonly atOnce: number
  /** Begin no further run after this time, in ms. Default: none. */
  readonly limitMs?: number
  /** Only start them. */
  readonly startOnly?: boolean
}

export interface Played {
  /** From the first start to the last answer, in ms. */
  readonly ms: number
  /** What each run took, in ms, in the order of their ends. */
  readonly each: readonly number[]
  /** When each answer came (Date.now()), and what it was. */
  readonly ends: readonly { readonly at: number; readonly output: unknown }[]
}

export interface Usage {
  /** CPU time of the process since it began, in ms, user and system. */
  readonly cpuMs: number
  /** After a garbage collection: heap, and what the heap holds outside of itself. */
  readonly heapBytes: number
}

/** What the parent asks of a process. */
export type Request =
  | ({ readonly ask: 'open' } & OpenRequest)
  | ({ readonly ask: 'play' } & PlayRequest)
  | { readonly ask: 'usage' }
  | { readonly ask: 'close' }

export interface Message {
  readonly id: number
  readonly request: Request
}

/** What a process says: an answer, or (without an id) that a step which never ends was entered. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly event: 'entered' }
