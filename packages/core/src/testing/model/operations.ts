import type {
  ClaimRun,
  Committed,
  InlineRecord,
  NewRun,
  NextMove,
  StepOutcome,
  StepPlan,
} from '../../contract/index.ts'
import type { Hand, Pair } from './pair.ts'
import { plainRun, plainStep } from './side.ts'
import type { Side } from './side.ts'

/** All durations are multiples of this, so that a clock that runs by itself does not reach the next one. */
const unit = 10_000
const limit = { max: 3, reason: 'by the engine' }
const codes = ['code-1', 'code-2']

export type Operation = (pair: Pair) => Promise<void>

function newRun(runId: string, over: Partial<NewRun> = {}): NewRun {
  return { runId, workflow: 'order', input: `"${runId}"`, inputDigest: runId, tags: ['model'], ...over }
}

const create: Operation = async (pair) => {
  const { random, runIds } = pair
  const known = runIds.length > 0 && random.chance(runIds.length < 4 ? 0.3 : 0.8)
  const runId = known ? random.pick(runIds) : pair.freshId('run')
  const bound = await pair.boundWake()
  await pair.call(
    `createRun ${runId}`,
    (side) => side.ports(0).store.createRun(newRun(runId)),
    ({ run, created, wake }) => ({ run: plainRun(run), created, wake: bound(wake) }),
  )
  if (!runIds.includes(runId)) runIds.push(runId)
}

const claimRun: Operation = async (pair) => {
  const { random, runHands, spentHands } = pair
  const runId = await pair.someRun()
  if (runId === undefined) return
  const process = random.below(2)
  const before = random.chance(0.5) ? [...spentHands, ...runHands].findLast((hand) => hand.runId === runId) : undefined
  const hand: Hand = { id: pair.freshId('claim'), runId, process, turn: 0 }
  const codeHash = random.chance(0.8) ? 'code-1' : random.pick(codes)
  const known = random.chance(0.95) ? [{ name: 'order', codeHash }] : []
  const who = { runId, owner: `owner-${process}`, claimId: hand.id, leaseMs: 3 * unit, known, limit }
  const askOf = (side: Side): ClaimRun => ({ ...who, after: (before && side.grips.get(before.id)?.after) ?? 0 })
  const claim = (): Promise<unknown> =>
    pair.call(
      `claimRun ${runId} as ${hand.id} with ${known[0]?.codeHash ?? 'nothing'}${before ? ` after ${before.id}` : ''}`,
      (side) => side.ports(process).store.claimRun(askOf(side)),
      (answer, side) => {
        if (!answer || 'ended' in answer) return answer
        const { lease, history } = answer
        side.grips.set(hand.id, { lease, after: history.revision, wakeSeq: history.wakeSeq })
        const { steps, signals, run, more } = history
        return {
          run: plainRun(run),
          steps: steps.map(plainStep),
          signals: signals.map(({ signalId }) => signalId),
          more,
        }
      },
    )
  const answer = await claim()
  if (answer === null || (typeof answer === 'object' && 'ended' in answer)) return
  runHands.push(hand)
  if (random.chance(0.2)) await claim()
}

const commitRun: Operation = async (pair) => {
  const { random, runHands, spentHands } = pair
  const zombie = spentHands.length > 0 && random.chance(0.1)
  if (!zombie && runHands.length === 0) return
  const hand = random.pick(zombie ? spentHands : runHands)
  hand.turn += 1
  const number = hand.turn
  const schedule = await somePlans(pair, hand)
  const record = await someRecords(pair, hand)
  const move = someMove(pair)
  const bound = await pair.boundWake()
  const ending = move.kind === 'complete' || move.kind === 'fail' || move.kind === 'cancel'
  const asked = new Map<string, number>()
  const commit = (again: boolean): Promise<unknown> =>
    pair.call(
      `commitRun ${hand.runId} by ${hand.id} turn ${number}${again ? ' again' : ''} ${JSON.stringify({ schedule, record, move })}`,
      (side) => {
        const grip = side.grips.get(hand.id)
        if (!grip) throw new Error(`${side.name} has no lease ${hand.id}`)
        const next: NextMove = 'wakeSeq' in move ? { ...move, wakeSeq: grip.wakeSeq } : move
        const after = asked.get(side.name) ?? grip.after
        asked.set(side.name, after)
        const store = side.ports(hand.process).store
        return store.commitRun(grip.lease, { number, after, codeHash: 'code-1', schedule, record, next })
      },
      (committed, side) => plainCommitted(committed, { side, hand, wake: again || ending ? () => [] : bound }),
    )
  const answer = await commit(false)
  for (const plan of schedule) {
    if (plan.kind === 'child' && answer !== 'LEASE_LOST' && !pair.runIds.includes(plan.child.runId))
      pair.runIds.push(plan.child.runId)
  }
  if (answer !== 'LEASE_LOST' && random.chance(0.2)) await commit(true)
  if (!zombie && !isHeld(answer)) spentHands.push(...runHands.splice(runHands.indexOf(hand), 1))
}

function isHeld(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'released' in answer && !answer.released
}

interface Shaping {
  readonly side: Side
  readonly hand: Hand
  readonly wake: (items: Committed['wake']) => readonly string[]
}

function plainCommitted(committed: Committed, { side, hand, wake }: Shaping): unknown {
  if (committed.released) return { released: true, wake: wake(committed.wake) }
  const grip = side.grips.get(hand.id)
  if (grip) Object.assign(grip, { after: committed.revision, wakeSeq: committed.wakeSeq })
  const { steps, signals, recorded, more } = committed
  const names = recorded.map(({ id }) => `${id.name} ${id.ordinal}`)
  const news = { steps: steps.map(plainStep), signals: signals.map(({ signalId }) => signalId), recorded: names, more }
  return { released: false, ...news, wake: wake(committed.wake) }
}

async function somePlans(pair: Pair, { runId }: Hand): Promise<StepPlan[]> {
  const { random } = pair
  const used = await pair.steps(runId)
  const plans: StepPlan[] = []
  for (let i = random.below(3); i > 0; i -= 1) {
    const kind = random.pick(['rpc', 'rpc', 'rpc', 'sleep', 'suspend', 'child'] as const)
    const name = `${kind}-${random.below(2)}`
    const ordinal = [...used, ...plans].filter(({ id }) => id.name === name).length
    const asked = { id: { name, ordinal }, askedAfter: random.below(5) }
    if (kind === 'rpc') {
      const policy = { retries: 2, retryDelayMs: 0 }
      plans.push({ ...asked, kind, rpcName: 'work', input: `"${ordinal}"`, inputDigest: `d${ordinal}`, policy })
    } else if (kind === 'sleep') plans.push({ ...asked, kind, delayMs: unit * (1 + random.below(4)) })
    else if (kind === 'suspend') plans.push({ ...asked, kind })
    else {
      const onEnd = random.pick(['cancel', 'abandon'] as const)
      plans.push({ ...asked, kind, child: newRun(pair.freshId('child'), { parent: { runId, step: asked.id, onEnd } }) })
    }
  }
  return plans
}

async function someRecords(pair: Pair, { runId }: Hand): Promise<InlineRecord[]> {
  const { random } = pair
  const steps = (await pair.steps(runId)).filter(({ kind }) => kind === 'inline')
  const records: InlineRecord[] = []
  const open = steps.find(({ status }) => status === 'scheduled')
  if (open && random.chance(0.5)) {
    records.push({ id: open.id, askedAfter: open.askedAfter, attempt: open.attempt + 1, outcome: someOutcome(pair) })
  }
  if (random.chance(0.4)) {
    const id = { name: 'inline', ordinal: steps.length }
    records.push({ id, askedAfter: random.below(5), attempt: 1, outcome: someOutcome(pair) })
  }
  return records
}

function someOutcome({ random }: Pair): StepOutcome {
  const durationMs = 5
  const kind = random.pick(['succeeded', 'succeeded', 'succeeded', 'failed', 'retry'] as const)
  if (kind === 'succeeded') return { kind, output: `"${random.below(1000)}"`, durationMs }
  if (kind === 'failed') return { kind, error: `"${random.below(1000)}"`, durationMs }
  return { kind, error: `"${random.below(1000)}"`, delayMs: unit * random.below(3), durationMs }
}

function someMove({ random }: Pair): NextMove {
  const dice = random.below(100)
  if (dice < 40) return { kind: 'hold' }
  if (dice < 70) return { kind: 'park', wakeSeq: 0 }
  if (dice < 80) return { kind: 'yield', delayMs: unit * random.below(3) }
  if (dice < 86) return { kind: 'suspend', wakeSeq: 0, reason: 'for a person' }
  if (dice < 91) return { kind: 'suspend', wakeSeq: 0, reason: 'by the engine', codeHash: random.pick(codes) }
  if (dice < 94) return { kind: 'complete', output: '"end"' }
  if (dice < 96) return { kind: 'fail', error: '"end"' }
  if (dice < 97) return { kind: 'cancel', reason: 'end' }
  return { kind: 'hold' }
}

const claimStep: Operation = async (pair) => {
  const { random } = pair
  const runId = await pair.someRun()
  if (runId === undefined) return
  const steps = (await pair.steps(runId)).filter(({ kind, settledSeq }) => kind === 'rpc' && settledSeq === null)
  if (steps.length === 0) return
  const { id: step } = random.pick(steps)
  const process = random.below(2)
  const hand: Hand = { id: pair.freshId('claim'), runId, process, turn: 0 }
  const known = random.chance(0.95) ? ['work'] : ['other']
  const ask = { runId, step, owner: `owner-${process}`, claimId: hand.id, leaseMs: 3 * unit, known, limit }
  const claim = (): Promise<unknown> =>
    pair.call(
      `claimStep ${runId} ${step.name} ${step.ordinal} as ${hand.id}`,
      (side) => side.ports(process).store.claimStep(ask),
      (answer, side) => {
        if (!answer) return null
        const { lease, ...rest } = answer
        side.grips.set(hand.id, { lease, after: 0, wakeSeq: 0 })
        return rest
      },
    )
  if ((await claim()) === null) return
  pair.stepHands.push(hand)
  if (random.chance(0.2)) await claim()
}

/** A step lease ends once: what a second, different ending of it answers is nobody's business. */
function takeStepHand({ random, stepHands }: Pair): Hand | undefined {
  return stepHands.splice(random.below(stepHands.length), 1)[0]
}

const settleStep: Operation = async (pair) => {
  const hand = takeStepHand(pair)
  if (!hand) return
  const outcome = someOutcome(pair)
  const bound = await pair.boundWake()
  const settle = (again: boolean): Promise<unknown> =>
    pair.call(
      `settleStep ${hand.runId} by ${hand.id}${again ? ' again' : ''} ${JSON.stringify(outcome)}`,
      async (side) => side.ports(hand.process).store.settleStep(leaseOf(side, hand), outcome),
      (settled) => settled && { settled: settled.settledSeq !== null, wake: again ? [] : bound(settled.wake) },
    )
  const answer = await settle(false)
  if (answer !== null && pair.random.chance(0.3)) await settle(true)
}

const releaseStep: Operation = async (pair) => {
  const hand = takeStepHand(pair)
  if (!hand) return
  const how = { entered: pair.random.chance(0.5), delayMs: unit * pair.random.below(3) }
  const bound = await pair.boundWake()
  const release = (again: boolean): Promise<unknown> =>
    pair.call(
      `releaseStep ${hand.runId} by ${hand.id}${again ? ' again' : ''} ${JSON.stringify(how)}`,
      async (side) => side.ports(hand.process).store.releaseStep(leaseOf(side, hand), how),
      ({ wake }) => (again ? [] : bound(wake)),
    )
  await release(false)
  if (pair.random.chance(0.3)) await release(true)
}

function leaseOf(side: Side, hand: Hand) {
  const grip = side.grips.get(hand.id)
  if (!grip) throw new Error(`${side.name} has no lease ${hand.id}`)
  return grip.lease
}

const renewLeases: Operation = async (pair) => {
  const hands = [...pair.runHands, ...pair.spentHands.slice(-3), ...pair.stepHands]
  await pair.call(
    'renewLeases',
    (side) =>
      side.ports(0).store.renewLeases(
        hands.map((hand) => leaseOf(side, hand)),
        3 * unit,
      ),
    ({ lost, busy, woken }) => ({ lost: lost.map(({ claimId }) => claimId).sort(), busy, woken: [...woken].sort() }),
  )
}

const signalRun: Operation = async (pair) => {
  const { random } = pair
  const runId = await pair.someRun()
  if (runId === undefined) return
  const signalId = random.chance(0.8) ? pair.freshId('signal') : 'signal-0'
  const name = `suspend-${random.below(2)}`
  const signal = { kind: 'signal', runId, signalId, name, payload: `"${signalId}"` } as const
  const bound = await pair.boundWake()
  await pair.call(
    `signalRun ${runId} ${signalId} ${name}`,
    (side) => side.ports(1).store.signalRun(signal),
    ({ accepted, wake }) => ({ accepted, wake: accepted ? bound(wake) : [] }),
  )
}

/** Only of runs that the engine suspended: what it does to others is not said. */
const resume: Operation = async (pair) => {
  const suspended = await pair.suspendedRuns()
  if (suspended.length === 0) return
  const runId = pair.random.pick(suspended)
  const ask = (side: Side) => side.ports(0).store.signalRun({ kind: 'resume', runId })
  await pair.call(`resume ${runId}`, ask, ({ accepted }) => accepted)
}

const cancelRun: Operation = async (pair) => {
  if (pair.runIds.length === 0 || pair.random.chance(0.7)) return
  const runId = pair.random.pick(pair.runIds)
  const ask = (side: Side) => side.ports(0).store.cancelRun(runId, 'cancelled')
  await pair.call(`cancelRun ${runId}`, ask, ({ cancelled }) => cancelled)
}

const sweep: Operation = async (pair) => {
  const known = [{ name: 'order', codeHash: pair.random.pick(codes) }]
  const quiet = await pair.quietRuns()
  const bound = await pair.bound()
  const next = new Map<string, number | null>()
  await pair.call(
    `sweep with ${known[0]?.codeHash}`,
    (side) => side.ports(1).store.sweep({ limit: 1_000, redispatchAfterMs: 2 * unit, graceMs: 1_000, known }),
    ({ items, full, nextDueInMs }, side) => {
      next.set(side.name, nextDueInMs)
      return { items: bound(items), full }
    },
  )
  const [expected, actual] = [...next.values()]
  const late = (actual ?? Infinity) > (expected ?? Infinity) + unit / 2
  if (late && quiet.size === 0)
    throw new Error(`the next sweep would be late: in ${actual} ms, the model says ${expected}`)
}

const advance: Operation = (pair) => pair.advance(unit * pair.random.pick([1, 1, 2, 3, 5, 10]))

/** Each as often as it is listed. */
export const operations: readonly Operation[] = [
  create,
  create,
  ...Array.from({ length: 6 }, () => claimRun),
  ...Array.from({ length: 8 }, () => commitRun),
  ...Array.from({ length: 9 }, () => claimStep),
  ...Array.from({ length: 7 }, () => settleStep),
  releaseStep,
  releaseStep,
  renewLeases,
  signalRun,
  signalRun,
  resume,
  cancelRun,
  sweep,
  sweep,
  advance,
  advance,
]
