import { AssertionError } from 'node:assert'
import { WorkflowError } from '@pikku/core/contract'
import type { TestRunner } from '@pikku/core/testing'
import { openCopy } from './copies.ts'
import type { Change, Mutant, Subject } from './mutant.ts'

/** Ample for the slowest case of sound code. */
const soundMs = 60_000

/** What became of a mutant, or of sound code, in one case. */
export type Verdict =
  | { readonly kind: 'passed' }
  /** An assertion of the kit did not hold, what it waited for did not come, or what it asked for was refused. */
  | { readonly kind: 'caught'; readonly message: string }
  /** Anything else: no mutant, but code that does not work at all. */
  | { readonly kind: 'broken'; readonly message: string }

/** A case that needs two statements to meet misses it on a machine that is busy enough. */
const chances = 3

export async function judgeMutant(subject: Subject, { change, caughtBy }: Mutant): Promise<Verdict> {
  const play = (): Promise<Verdict> => judge(subject, change, { title: caughtBy, ms: subject.patienceMs ?? soundMs })
  let verdict = await play()
  for (let chance = 1; chance < chances && verdict.kind === 'passed'; chance += 1) verdict = await play()
  return verdict
}

export function judgeSound(subject: Subject, title: string): Promise<Verdict> {
  return judge(subject, {}, { title, ms: soundMs })
}

/** Plays one case of the suite on a copy with this fault in it, or with none. */
async function judge(
  subject: Subject,
  change: Change,
  { title, ms }: { readonly title: string; readonly ms: number },
): Promise<Verdict> {
  try {
    const copy = openCopy(subject, change)
    const cases = new Map<string, () => Promise<void>>()
    await subject.define(copy, collecting(cases))
    copy.check()
    const body = cases.get(title)
    if (!body) return { kind: 'broken', message: `the suite has no case '${title}'` }
    await within(ms, body())
    return { kind: 'passed' }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { kind: isOfTheKit(error) ? 'caught' : 'broken', message }
  }
}

/** The kit fails by its assertions and by what it gets instead of an answer. Where it repeats, what failed is the cause. */
function isOfTheKit(error: unknown): boolean {
  if (error instanceof AssertionError) return true
  if (WorkflowError.is(error, 'LEASE_LOST') || WorkflowError.is(error, 'WAIT_TIMEOUT')) return true
  return error instanceof Error && isOfTheKit(error.cause)
}

/** A test runner that keeps the bodies, by their titles below the suite's own. */
function collecting(cases: Map<string, () => Promise<void>>): TestRunner {
  const trail: string[] = []
  return {
    describe: (name, body) => {
      trail.push(name)
      body()
      trail.pop()
    },
    test: (name, body) => cases.set([...trail.slice(1), name].join(' › '), body),
  }
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new AssertionError({ message: `no end within ${ms} ms` })), ms)
  })
  try {
    await Promise.race([work, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

/** The cases that find some mutant, each once. */
export function namedCases(subject: Subject): string[] {
  return [...new Set(mutantsOf(subject).map(({ mutant }) => mutant.caughtBy))]
}

export function mutantsOf(subject: Subject): { readonly title: string; readonly mutant: Mutant }[] {
  return Object.entries(subject.mutants).flatMap(([broken, mutants]) =>
    mutants.map((mutant) => ({ title: `${broken}: ${mutant.what}`, mutant })),
  )
}
