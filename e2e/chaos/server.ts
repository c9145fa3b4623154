import type { WorkflowRun } from '@pikku/core'
import type { WorkflowReader } from '@pikku/core/contract'

/** What is read when all is over. */
export interface Records {
  readonly reader: WorkflowReader
  getRun(runId: string): Promise<WorkflowRun | null>
  close(): Promise<void>
}

/** A lease that a process held when something was done to it. */
export interface HeldThing {
  readonly runId: string
  /** Null: the run itself. */
  readonly step: { readonly name: string; readonly ordinal: number; readonly place: string } | null
  readonly owner: string
  readonly epoch: number
}

/** How that thing stands now. */
export interface ThingNow {
  readonly owner: string | null
  readonly epoch: number
  readonly leased: boolean
  /** Ended or settled, or its run waits for a person. */
  readonly over: boolean
  /** Nobody holds it, and somebody ought to take it. */
  readonly wanted: boolean
}

/** What can be done to a server. `during` is called once it is done, and the fault is undone when that resolves. */
export type ServerFault = (during: () => Promise<void>) => Promise<void>

/** A private server under test, watched by a way that no fault touches. */
export interface ChaosServer {
  readonly title: string
  readonly port: number
  /** The server's log and data, to be kept when something went wrong. */
  readonly folder: string
  /** Whether its disk can be filled; if not, why. */
  readonly noDisk: string | null
  readonly faults: Readonly<Record<string, ServerFault>>
  /** As an app behind this port of ours names it. */
  urlAt(port: number): string
  leasesOf(pid: number): Promise<readonly HeldThing[]>
  look(things: readonly HeldThing[]): Promise<readonly (ThingNow | undefined)[]>
  /** Now, in the whole store. */
  load(): Promise<{ readonly leases: number; readonly unended: number }>
  /** Messages that were fetched within so long, and are not done with. Those of a killed process expire by and by. */
  activeMessages(withinMs: number): Promise<number>
  /** Of the apps, by what the server knows them as. */
  connections(): Promise<number>
  /** How often its disk was really full, by its own log. */
  timesFull(): number
  /** Connects. */
  records(): Records
  /** The data stays. */
  stop(): Promise<void>
  dispose(): Promise<void>
}
