import { WorkflowError } from '../contract/errors.ts'
import type { RunId } from '../contract/records.ts'
import { describe } from './describe.ts'

const MAX_NAME = 512
const MAX_RUN_ID = 200
const MAX_TAG = 200
const MAX_TAGS = 50
const MAX_REASON = 10_000

/**
 * Checks a name a user chose (of a step, workflow, rpc or signal). `what` says whose, for the message: `"workflow.do: the step name"`.
 *
 * @throws WorkflowError `INVALID_NAME`
 */
export function assertName(name: unknown, what: string): asserts name is string {
  check(name, what, MAX_NAME)
}

/** Whether something can be called so at all; for names that did not come from the user's code. */
export function isName(name: unknown): name is string {
  return problemOf(name, MAX_NAME) === null
}

/** @throws WorkflowError `INVALID_NAME` */
export function assertStepName(name: unknown, what = 'the step name'): asserts name is string {
  check(name, what, MAX_NAME)
}

/** @throws WorkflowError `INVALID_NAME` */
export function assertRunId(runId: unknown): asserts runId is RunId {
  check(runId, 'the runId', MAX_RUN_ID)
}

/** Whether a run with this id can exist at all; for reads, where an impossible id is simply an unknown one. */
export function isRunId(runId: unknown): runId is RunId {
  return problemOf(runId, MAX_RUN_ID) === null
}

/** @throws WorkflowError `INVALID_NAME` */
export function assertTags(tags: unknown, what = 'tags'): asserts tags is readonly string[] {
  if (!Array.isArray(tags)) {
    throw new WorkflowError('INVALID_NAME', `${what}: ${describe(tags)} was given; accepted is an array of strings`)
  }
  if (tags.length > MAX_TAGS) {
    throw new WorkflowError('INVALID_NAME', `${what}: ${tags.length} tags were given; accepted are up to ${MAX_TAGS}`)
  }
  // By index, not forEach: a hole in the array is a tag that is missing.
  for (let index = 0; index < tags.length; index++) check(tags[index], `${what}[${index}]`, MAX_TAG)
}

/**
 * Makes any text storable as plain text, for reasons and messages: what no database can keep (U+0000, unpaired
 * surrogates) is replaced by something visible, and very long text is cut.
 */
export function plainText(text: string): string {
  const cut = text.length > MAX_REASON ? `${text.slice(0, MAX_REASON - 1)}…` : text
  return cut.replaceAll('\0', '␀').toWellFormed()
}

/** Whether a store can keep this text as it is. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

function check(name: unknown, what: string, longest: number): void {
  const problem = problemOf(name, longest)
  if (problem === null) return
  throw new WorkflowError(
    'INVALID_NAME',
    `${what}: ${problem}; accepted is a string of 1 to ${longest} characters of well-formed Unicode without U+0000`,
  )
}

function problemOf(name: unknown, longest: number): string | null {
  if (typeof name !== 'string') return `${describe(name)} was given`
  if (name === '') return 'an empty string was given'
  if (name.length > longest) return `${describe(name)} has ${name.length} characters`
  if (name.includes('\0')) return `${describe(name)} contains U+0000`
  if (!name.isWellFormed()) return `${describe(name)} contains an unpaired surrogate`
  return null
}
