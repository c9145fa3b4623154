import type {
  Committed,
  Lease,
  RunClaim,
  StepClaim,
  StepId,
  StepOutcome,
  Swept,
  Turn,
  WorkItem,
} from '../../contract/index.ts'

const step = ({ name, ordinal }: StepId): string => `'${name}'${ordinal > 0 ? `#${ordinal}` : ''}`
const leaseOf = ({ runId, step: id, epoch }: Lease): string => `${runId}${id ? ` ${step(id)}` : ''} epoch ${epoch}`

/** A call of a port, in few words. Names no process and no random id: those differ from one machine to the next. */
export function describeCall(name: string, args: readonly unknown[]): string {
  return [name, ...wordsOf(name, args)].join(' ')
}

function wordsOf(name: string, args: readonly unknown[]): string[] {
  const [first, second] = args
  switch (name) {
    case 'createRun':
    case 'claimRun':
      return [(first as { runId: string }).runId]
    case 'commitRun':
      return [leaseOf(first as Lease), turnOf(second as Turn)]
    case 'claimStep': {
      const { runId, step: id } = first as { runId: string; step: StepId }
      return [runId, step(id)]
    }
    case 'settleStep':
      return [leaseOf(first as Lease), (second as StepOutcome).kind]
    case 'releaseStep':
      return [leaseOf(first as Lease)]
    case 'renewLeases':
      return [(first as Lease[]).map(leaseOf).join(', ')]
    case 'ring':
      return [(first as WorkItem[]).map(itemOf).join(', ')]
    case 'signalRun':
      return [(first as { kind: string; runId: string }).kind, (first as { runId: string }).runId]
    case 'sweep':
    case 'enlist':
      return []
    default:
      return typeof first === 'string' ? [first] : Array.isArray(first) ? [first.join(', ')] : []
  }
}

function turnOf({ number, schedule, record, next }: Turn): string {
  const planned = schedule.map((plan) => `${plan.kind} ${step(plan.id)}`)
  const recorded = record.map(({ id, outcome, attempt }) => `${step(id)} attempt ${attempt} ${outcome.kind}`)
  const parts = [
    planned.length > 0 ? `schedule ${planned.join(', ')}` : '',
    recorded.length > 0 ? `record ${recorded.join(', ')}` : '',
    next.kind,
  ]
  return `turn ${number}: ${parts.filter((part) => part !== '').join('; ')}`
}

function itemOf(item: WorkItem): string {
  return item.kind === 'run' ? item.runId : `${item.runId} ${step(item.step)} attempt ${item.attempt}.${item.dispatch}`
}

export function describeAnswer(name: string, answer: unknown): string {
  if (answer === null || answer === undefined) return String(answer)
  switch (name) {
    case 'claimRun': {
      const claim = answer as RunClaim | { ended: 'parent' }
      if ('ended' in claim) return 'its parent ended'
      const { lease, history } = claim
      return `epoch ${lease.epoch}, revision ${history.revision}, ${history.steps.length} changed, ${history.run.crashes} crashes`
    }
    case 'commitRun': {
      const committed = answer as Committed
      if (committed.released) return 'released'
      return `held, revision ${committed.revision}, ${committed.recorded.length} recorded, ${committed.steps.length} changed`
    }
    case 'claimStep': {
      const { lease, attempt, lost } = answer as StepClaim
      return `epoch ${lease.epoch}, attempt ${attempt}, ${lost} lost`
    }
    case 'sweep':
      return (answer as Swept).items.map(itemOf).join(', ') || 'nothing'
    case 'renewLeases': {
      const { lost, woken } = answer as { lost: unknown[]; woken: unknown[] }
      return `${lost.length} lost, ${woken.length} woken`
    }
    case 'getRun':
      return (answer as { status: string }).status
    case 'settleStep':
      return `settled ${(answer as { settledSeq: number | null }).settledSeq}`
    default:
      return 'done'
  }
}
