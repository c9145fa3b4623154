import type { StoreMutants } from '../mutant.ts'

export const runMutants: Pick<StoreMutants, 'createRun' | 'claimRun' | 'commitRun' | 'readChanges'> = {
  createRun: [
    {
      what: 'puts a second run in the place of the first',
      change: {
        'memory-rules.ts': {
          'if (known) return { row: known, created: false }': 'if (known) tables.runs.delete(run.runId)',
        },
      },
      caughtBy: 'createRun › F63: a known id answers the run that has it, and changes nothing',
    },
    {
      what: 'rings a new run only',
      change: { 'memory-run-writes.ts': { 'wake: isEnded(row.status) ?': 'wake: !created || isEnded(row.status) ?' } },
      caughtBy: 'createRun › A13: a known id rings again',
    },
    {
      what: 'rings a run that has ended',
      change: { 'memory-run-writes.ts': { 'wake: isEnded(row.status) ? [] : [': 'wake: [' } },
      caughtBy: 'createRun › an ended run is not rung',
    },
    {
      what: 'keeps the tags in an order of its own',
      change: { 'memory-rules.ts': { 'tags: [...run.tags]': 'tags: [...run.tags].sort()' } },
      caughtBy: 'createRun › a new run is running and rings',
    },
  ],
  claimRun: [
    {
      what: 'keeps the epoch',
      change: { 'memory-run-writes.ts': { 'run.epoch += 1': 'run.epoch = 1' } },
      caughtBy: 'claimRun › a parked run is claimed again under a higher epoch',
    },
    {
      what: 'takes a claim that is sent again for another',
      change: { 'memory-run-writes.ts': { 'if (run.claimId === ask.claimId) return': 'if (false) return' } },
      caughtBy: 'claimRun › A13: the same claim again answers the same lease',
    },
    {
      what: 'gives a lease again that was given back',
      change: {
        'memory-run-writes.ts': {
          'return run.leaseUntil === null ? null : readClaim(tables, run, ask)': 'return readClaim(tables, run, ask)',
        },
      },
      caughtBy: 'claimRun › A13: a claim that arrives again after its lease was given back gets nothing',
    },
    {
      what: 'claims what another holds',
      change: { 'memory-run-writes.ts': { 'if (tables.now() < takeOverAt(run)) return false': '' } },
      caughtBy: 'claimRun › unknown, ended and leased runs are not claimed',
    },
    {
      what: 'counts no crash',
      change: { 'memory-run-writes.ts': { 'run.crashes += 1': '' } },
      caughtBy: 'claimRun › F10: a lease that ran out is taken over; the old holder can write no more',
    },
    {
      what: 'does not hold the claim back after crashes',
      change: { 'memory-run-writes.ts': { 'run.crashes === 0 ? 0 :': 'run.crashes >= 0 ? 0 :' } },
      caughtBy: 'crashes › A21: from the second crash on the next claim is held back',
    },
    {
      what: 'gives every lease its plain time',
      change: { 'memory-run-writes.ts': { 'ask.leaseMs * 2 ** Math.min(run.crashes, 6)': 'ask.leaseMs' } },
      caughtBy: 'crashes › A22: each crash doubles the lease',
    },
    {
      what: 'settles no sleep',
      change: { 'memory-run-writes.ts': { '  settleDueSleeps(tables, run)\n': '' } },
      caughtBy: 'claimRun › A17: due sleeps are settled by the claim, the one due first first',
    },
    {
      what: 'settles sleeps in the order they were asked for',
      change: {
        'memory-rules.ts': { 'due.sort((a, b) => dueAtOf(a) - dueAtOf(b) || a.place - b.place)': '' },
      },
      caughtBy: 'claimRun › A17: due sleeps are settled by the claim, the one due first first',
    },
    {
      what: 'counts what it did not hand over as read',
      change: {
        'memory-run-writes.ts': {
          'const changes = changesOf(tables, run, { after: ask.after, lock: true })':
            'const changes = { ...changesOf(tables, run, { after: ask.after, lock: true }), steps: [] }',
        },
      },
      caughtBy: 'a locked run row › claim while settling: a settlement is handed over, or not yet counted as read',
    },
    {
      what: 'claims children of ended parents',
      change: { 'memory-run-writes.ts': { "if (isOrphan(tables, run)) return { ended: 'parent' }": '' } },
      caughtBy: 'claimRun › A20: a child whose parent has ended is not claimed but told so',
    },
    {
      what: 'claims for a worker without the workflow',
      change: { 'memory-run-writes.ts': { 'if (!isForWorker(run, ask.known)) return null': '' } },
      caughtBy: 'claimRun › A23: a worker that does not know the workflow does not claim it',
    },
  ],
  commitRun: [
    {
      what: 'forgets the epoch',
      change: {
        'memory-run-writes.ts': {
          'if (isEnded(run.status) || !isHeldBy(run, lease)) throw': 'if (isEnded(run.status)) throw',
        },
      },
      caughtBy: 'commitRun › A9: a superseded epoch writes nothing, in the same event-loop turn as a good one',
    },
    {
      what: 'writes before it looks whose lease it is',
      change: {
        'memory-run-writes.ts': {
          'if (isEnded(run.status) || !isHeldBy(run, lease)) throw':
            'for (const plan of turn.record) recordInline(tables, { run, lease, settledForBody: 0, own: new Map(), wake: [] }, plan)\n' +
            '  if (isEnded(run.status) || !isHeldBy(run, lease)) throw',
        },
      },
      caughtBy: 'commitRun › a lease given back writes nothing',
    },
    {
      what: 'forgets the claim: an epoch of a deleted run is as good',
      change: { 'memory-tables.ts': { ' && row.claimId === lease.claimId': '' } },
      caughtBy: 'admin › a lease from before a run was deleted writes nothing to the run that has its id now',
    },
    {
      what: 'applies a turn twice',
      change: {
        'memory-run-writes.ts': {
          'run.lastTurn?.claimId === lease.claimId && run.lastTurn.number === turn.number': 'false',
        },
      },
      caughtBy: 'commitRun › A13: a turn already applied answers as it did the first time',
    },
    {
      what: 'writes a settled step again',
      change: {
        'memory-plans.ts': {
          "if (step.kind !== 'inline' || isSettled(step.status)) return": "step.status = 'scheduled'",
        },
      },
      caughtBy: 'commitRun › F17: a settled step is never written again',
    },
    {
      what: 'makes a second row of a step',
      change: { 'memory-plans.ts': { 'if (run.steps.has(stepKey(plan.id))) return': '' } },
      caughtBy: 'commitRun › scheduling a step twice is one row',
    },
    {
      what: 'never refuses a park',
      change: {
        'memory-run-writes.ts': {
          "case 'park':\n      if (hasNews(applied, next.wakeSeq)) return": "case 'park':\n      if (false) return",
        },
      },
      caughtBy: 'commitRun › park is refused when the run was woken since, and hands over why',
    },
    {
      what: 'parks on a sleep that it has settled itself',
      change: { 'memory-run-writes.ts': { ' || settledForBody > 0': '' } },
      caughtBy: 'commitRun › A17: park is refused when this very commit settled a sleep',
    },
    {
      what: 'parks on a signal that it has consumed itself',
      change: { 'memory-plans.ts': { 'applied.settledForBody += 1': '' } },
      caughtBy: 'signalRun › A18: a run does not park on a step that a waiting signal settled in the same write',
    },
    {
      what: 'gives two settlements one place',
      change: {
        'memory-rules.ts': { 'run.revision += 1': 'run.revision = Math.max(run.revision, step.revision + 1)' },
      },
      caughtBy: 'commitRun › A36: every change of a row has a revision of its own',
    },
    {
      what: "leaves the parent's step open",
      change: {
        'memory-rules.ts': {
          '[...settleParent(tables, run, end), ...ringOrphans(tables, run)]': 'ringOrphans(tables, run)',
        },
      },
      caughtBy: 'families › A20: every way to end a child settles its step in the parent, and wakes the parent',
    },
    {
      what: 'settles a step of a parent that has ended',
      change: {
        'memory-rules.ts': {
          'if (!child.parent || !parent || isEnded(parent.status))': 'if (!child.parent || !parent)',
        },
      },
      caughtBy: 'families › a child may end after its parent',
    },
    {
      what: 'remembers crashes after progress',
      change: { 'memory-run-writes.ts': { 'if (turn.record.length + turn.schedule.length > 0) run.crashes = 0': '' } },
      caughtBy: 'crashes › a commit that records or schedules something forgets the crashes',
    },
    {
      what: 'forgets when to come back to what it parked',
      change: {
        'memory-run-writes.ts': { 'letGo(run, nextTimerOf(run))\n      return': 'letGo(run, null)\n      return' },
      },
      caughtBy: 'commitRun › an inline step that failed with an attempt left waits for its time',
    },
    {
      what: 'yields in silence',
      change: { 'memory-run-writes.ts': { 'if (next.delayMs <= 0) applied.wake.push(ringRun(tables, run))': '' } },
      caughtBy: 'commitRun › A16: yield gives the lease back with work left, at once',
    },
    {
      what: "takes anybody's word for being a step's child",
      change: { 'memory-rules.ts': { ' || step.childId !== child.runId': '' } },
      caughtBy: "families › a run that only says it is a step's child settles nothing",
    },
    {
      what: 'hands back a failed attempt of its own as news',
      change: { 'memory-plans.ts': { 'applied.own.set(step, null)': '' } },
      caughtBy: 'commitRun › an inline step that failed with an attempt left waits for its time',
    },
    {
      what: 'comes back to a run when a retry of a step worker is due',
      change: { 'memory-rules.ts': { "if (step.kind === 'rpc' || step.status": 'if (step.status' } },
      caughtBy: 'sweep › a retry rings its step and not its run',
    },
  ],
  readChanges: [
    {
      what: 'answers everything again',
      change: {
        'memory-store.ts': {
          'changesOf(tables, run, { after, lock: false })': 'changesOf(tables, run, { after: 0, lock: false })',
        },
      },
      caughtBy: 'pages › the changes since a revision are only those',
    },
    {
      what: 'loses the order',
      change: { 'memory-changes.ts': { 'return changes.sort((a, b) => a.revision - b.revision)': 'return changes' } },
      caughtBy: 'claimRun › what changed after a revision, oldest change first',
    },
    {
      what: 'never gets past a large row',
      change: { 'memory-store.ts': { 'lock: false': 'lock: true' } },
      caughtBy: 'pages › A15: one row larger than a page is read without a lock',
    },
    {
      what: 'leaves a hole where it cuts',
      change: {
        'memory-changes.ts': {
          'return { steps, signals, revision, more: true }':
            'return { steps, signals, revision: change.revision, more: true }',
        },
      },
      caughtBy: 'pages › A15: signals and steps are cut at one place of their common order',
    },
    {
      what: 'hands over signals that were consumed',
      change: { 'memory-changes.ts': { ' && !signal.consumed': '' } },
      caughtBy: 'signalRun › a signal settles the oldest open suspend step of its name, and wakes the run',
    },
  ],
}
