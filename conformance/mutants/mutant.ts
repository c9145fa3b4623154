import type { TestRunner } from '@pikku/core/testing'
import type { WorkflowAdmin, WorkflowReader, WorkflowStore } from '@pikku/core/contract'

/** By file, below the subject's source: a text that stands there exactly once, and what stands there instead. */
export type Change = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Sound code with one fault in it, and the case of the kit that finds it. */
export interface Mutant {
  /** What it does wrong, as it would be told of it: "keeps the epoch". */
  readonly what: string
  readonly change: Change
  /** `group › title` */
  readonly caughtBy: string
}

/** At least two of each: the compiler sees to it, for operations to come as well. */
type AtLeastTwo = readonly [Mutant, Mutant, ...Mutant[]]

type Operation =
  | Exclude<keyof WorkflowStore | keyof WorkflowReader | keyof WorkflowAdmin, 'capabilities' | 'close'>
  /** The other half of `signalRun`. */
  | 'resume'

export type StoreMutants = Readonly<Record<Operation, AtLeastTwo>>

/** Code that a suite of the kit is to hold to its contract. */
export interface Subject {
  readonly name: string
  /** The folder that the files of its mutants are named from. */
  readonly source: string
  /** Folders whose modules each mutant has copies of its own of; everything else is shared by all. */
  readonly copied: readonly string[]
  /** Changed in every copy, so that mutants can be had at all. */
  readonly always?: Change
  /** By what they break. */
  readonly mutants: Readonly<Record<string, readonly Mutant[]>>
  /** Left to `verify:slow`. */
  readonly slow?: true
  /** How many are tried at a time. Default 1. */
  readonly atATime?: number
  /** How long a case waits with a mutant for what may never come: longer than with sound code. Default a minute. */
  readonly patienceMs?: number
  /** Define the cases of the suite over a copy. */
  define(copy: Copy, runner: TestRunner): Promise<void>
  /** Put away what the copies shared. */
  end?(): Promise<unknown>
}

/** One copy of a subject's modules. */
export interface Copy {
  /** Import a file of the repository as this copy has it. */
  load<Module>(file: string): Promise<Module>
}
