import type { InlineRecord, StepId, StepPlan, StorePorts, Turn, WorkflowStore } from '../../contract/index.ts'
import { describeStep } from '../../domain/step-id.ts'

/** Sees every write of one process: `what` names it, `make` makes it. */
export type OnWrite = (what: string, make: () => Promise<unknown>) => Promise<unknown>

type Write = 'createRun' | 'claimRun' | 'commitRun' | 'claimStep' | 'settleStep' | 'releaseStep' | 'cancelRun'

/** The calls that change what is on record, in words for people. */
const writes: { readonly [Name in Write]: (...args: Parameters<WorkflowStore[Name]>) => string } = {
  createRun: () => 'the start',
  claimRun: () => 'a claim of the run',
  commitRun: (_lease, turn) => `the turn that ${turnInWords(turn)}`,
  claimStep: ({ step }) => `the claim of ${describeStep(step)}`,
  settleStep: ({ step }, { kind }) => `the record that ${stepInWords(step)} ${kind === 'succeeded' ? kind : 'failed'}`,
  releaseStep: ({ step }) => `giving back ${stepInWords(step)}`,
  cancelRun: () => 'a cancel',
}

/** The same ports, whose writes are seen. */
export function withWritesSeen(ports: StorePorts, onWrite: OnWrite): StorePorts {
  const { store } = ports
  const seen = Object.entries(writes).map(([name, inWords]) => {
    const write = store[name as Write] as (...args: unknown[]) => Promise<unknown>
    const through = (...args: unknown[]): Promise<unknown> =>
      onWrite(Reflect.apply(inWords, undefined, args), () => Reflect.apply(write, store, args) as Promise<unknown>)
    return [name, through] as const
  })
  const others = {
    readChanges: (...args: Parameters<WorkflowStore['readChanges']>) => store.readChanges(...args),
    renewLeases: (...args: Parameters<WorkflowStore['renewLeases']>) => store.renewLeases(...args),
    signalRun: (...args: Parameters<WorkflowStore['signalRun']>) => store.signalRun(...args),
    sweep: (...args: Parameters<WorkflowStore['sweep']>) => store.sweep(...args),
    enlist: (owner: string) => store.enlist(owner),
    capabilities: store.capabilities,
    close: () => store.close(),
  }
  // Every method is there: each of `writes`, and the others.
  return { ...ports, store: { ...Object.fromEntries(seen), ...others } as unknown as WorkflowStore }
}

function turnInWords({ schedule, record, next }: Turn): string {
  const did = [
    ...schedule.map((plan: StepPlan) => `asks for ${describeStep(plan.id)}`),
    ...record.map(({ id, outcome }: InlineRecord) =>
      outcome.kind === 'succeeded' ? `records ${describeStep(id)}` : `records that ${describeStep(id)} failed`,
    ),
  ]
  if (did.length > 3) did.splice(2, did.length - 2, `${did.length - 2} more`)
  const ends = { complete: 'completes', fail: 'fails', cancel: 'cancels', suspend: 'suspends' } as const
  const left = next.kind in ends ? [`${ends[next.kind as keyof typeof ends]} the run`] : []
  const words = [...did, ...left]
  return words.length === 0 ? 'leaves the run as it is' : words.join(' and ')
}

function stepInWords(step: StepId | undefined): string {
  return step ? describeStep(step) : 'a step'
}
