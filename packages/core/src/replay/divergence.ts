import type { StepId } from '../contract/index.ts'
import { quote } from '../domain/describe.ts'
import { describeStep } from '../domain/step-id.ts'
import type { ReplayStep, Request } from './command.ts'

/** The difference between a recorded step and what the code asks for under its id; null when they agree. */
export function difference(recorded: ReplayStep, asked: Request): string | null {
  const step = describeStep(recorded.id)
  const was = describeRecorded(recorded)
  if (recorded.kind !== asked.kind)
    return `step ${step}: recorded as ${was}, the code now asks for ${describeAsked(asked)}`
  if (asked.kind !== 'rpc') return null
  if (recorded.rpcName !== asked.rpcName)
    return `step ${step}: recorded as ${was}, the code now asks for ${describeAsked(asked)}`
  if (recorded.inputDigest !== asked.input.digest) {
    return `step ${step}: recorded with another input for '${asked.rpcName}' than the code now passes (between steps a body may only decide from its input, step results and workflow.now/random/uuid)`
  }
  return null
}

/** Recorded steps the code never asked for. */
export function neverAsked(missing: readonly ReplayStep[], ended: string | null): string {
  const names = missing.slice(0, 3).map((step) => `${describeStep(step.id)} (${describeRecorded(step)})`)
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : ''
  return `the history holds ${names.join(', ')}${more}, which the code ${ended === null ? 'does not ask for' : `never asked for before it ${ended}`}`
}

/** A settlement that nothing waits for. */
export function unwanted(id: StepId): string {
  return `the history settles step ${describeStep(id)} next, but the code does not ask for it at this point`
}

/** A row whose status and whose place in the order contradict each other: nothing here writes one. */
export function halfSettled(rows: readonly ReplayStep[]): string | null {
  const broken = rows.find(({ settledSeq, outcome }) => (settledSeq === null) !== (outcome === null))
  if (!broken) return null
  const place = broken.settledSeq === null ? 'no place' : 'a place'
  return `the history has step ${describeStep(broken.id)} with the status ${quote(broken.status)} and ${place} in the order, which never go together; somebody changed it by hand`
}

/** What the code asks for that the history does not hold: most likely the same steps under new names. */
export function askedInstead(unrecorded: readonly StepId[]): string {
  if (unrecorded.length === 0) return ''
  const more = unrecorded.length > 3 ? ` and ${unrecorded.length - 3} more` : ''
  return `; it asks for ${unrecorded.slice(0, 3).map(describeStep).join(', ')}${more}, which the history does not hold`
}

function describeRecorded(step: ReplayStep): string {
  return step.rpcName === null ? kindName(step.kind) : `${kindName(step.kind)} '${step.rpcName}'`
}

function describeAsked(asked: Request): string {
  return asked.kind === 'rpc' ? `${kindName('rpc')} '${asked.rpcName}'` : kindName(asked.kind)
}

function kindName(kind: ReplayStep['kind']): string {
  return kindNames[kind] ?? `something unknown here, ${quote(kind)}`
}

const kindNames: Readonly<Partial<Record<string, string>>> = {
  rpc: 'an RPC step',
  inline: 'an inline step',
  sleep: 'a sleep',
  suspend: 'a suspend',
  child: 'a child run of',
}
