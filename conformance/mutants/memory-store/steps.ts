import type { StoreMutants } from '../mutant.ts'

export const stepMutants: Pick<StoreMutants, 'claimStep' | 'settleStep' | 'releaseStep' | 'renewLeases'> = {
  claimStep: [
    {
      what: 'keeps the epoch',
      change: { 'memory-step-writes.ts': { 'step.epoch += 1': 'step.epoch = 1' } },
      caughtBy:
        'claimStep › F10 A33: a lease that ran out is a lost attempt, on record, and the next is claimed under a new epoch',
    },
    {
      what: 'takes a claim that is sent again for another',
      change: { 'memory-step-writes.ts': { 'if (step.claimId === ask.claimId) return': 'if (false) return' } },
      caughtBy: 'claimStep › A13: the same claim again answers the same',
    },
    {
      what: 'gives a lease again that was given back',
      change: {
        'memory-step-writes.ts': {
          'return step.leaseUntil === null ? null : readClaim(at, ask)': 'return readClaim(at, ask)',
        },
      },
      caughtBy: 'claimStep › A13: a claim that arrives again after its lease was given back gets nothing',
    },
    {
      what: 'claims what another holds',
      change: { 'memory-step-writes.ts': { 'if (isClaimed(tables, step)) return null': '' } },
      caughtBy: 'claimStep › F1: a second delivery of the same step gets nothing',
    },
    {
      what: 'claims a retry before its time',
      change: { 'memory-step-writes.ts': { 'tables.now() < step.dueAt': 'false' } },
      caughtBy: 'settleStep › F18 F25: a retry is not claimable before its time, and does not wake the run',
    },
    {
      what: 'keeps a lost attempt to itself',
      change: { 'memory-step-writes.ts': { "addAttempt(tables, { run, step }, 'lost')": '' } },
      caughtBy:
        'claimStep › F10 A33: a lease that ran out is a lost attempt, on record, and the next is claimed under a new epoch',
    },
    {
      what: 'claims for a worker without the function',
      change: { 'memory-step-writes.ts': { ' || !ask.known.includes(step.rpcName)': '' } },
      caughtBy: 'claimStep › F51: a worker without the function does not claim it',
    },
    {
      what: 'claims a step of a run that the engine suspended',
      change: { 'memory-step-writes.ts': { ' || run.suspendedByEngine': '' } },
      caughtBy: 'claimStep › A19: a step of a run that the engine suspended is not claimed, but one under way settles',
    },
    {
      what: 'knows no limit of losses',
      change: { 'memory-step-writes.ts': { 'if (at.step.lost <= limit.max) return true': 'return true' } },
      caughtBy: 'crashes › A33: a step lost once too often suspends its run',
    },
    {
      what: 'claims what is no rpc step',
      change: {
        'memory-step-writes.ts': {
          "if (step.kind !== 'rpc' || isSettled(step.status)) return null":
            "if (isSettled(step.status)) return null\n  if (step.kind !== 'rpc') return readClaim(at, ask)",
        },
      },
      caughtBy: 'claimStep › A32: what is no rpc step is not claimed',
    },
    {
      what: 'keeps the timer that is over',
      change: { 'memory-step-writes.ts': { 'silence(step)\n  step.attempt += 1': 'step.attempt += 1' } },
      caughtBy: 'reader › a step that is tried again shows neither error nor timer while it runs',
    },
  ],
  settleStep: [
    {
      what: 'forgets the epoch',
      change: {
        'memory-step-writes.ts': {
          "if (isEnded(run.status) || step.status !== 'running' || !isHeldBy(step, lease)) return null":
            "if (isEnded(run.status) || step.status !== 'running') return null",
        },
      },
      caughtBy:
        'claimStep › F10 A33: a lease that ran out is a lost attempt, on record, and the next is claimed under a new epoch',
    },
    {
      what: 'wakes nobody',
      change: { 'memory-step-writes.ts': { 'wake: wakeRun(tables, at.run)': 'wake: []' } },
      caughtBy: 'settleStep › a settled step has its outcome and its place, and wakes its run',
    },
    {
      what: 'rings, but does not count it as news',
      change: { 'memory-rules.ts': { 'run.wakeSeq += 1': '' } },
      caughtBy: 'a locked run row › park while settling: refused, or the settlement rings',
    },
    {
      what: 'rings for every settlement',
      change: { 'memory-rules.ts': { 'return told ? [] : [': 'return [' } },
      caughtBy: 'settleStep › A25: a run is rung only when nobody was told before',
    },
    {
      what: 'answers null to an outcome that is sent again',
      change: { 'memory-step-writes.ts': { 'step.lastEnding = { claimId: lease.claimId, outcome, settled }': '' } },
      caughtBy: 'settleStep › A13: the same outcome again answers as before',
    },
    {
      what: 'settles twice',
      change: {
        'memory-step-writes.ts': {
          'if (step.lastEnding?.claimId === lease.claimId) {\n    return isSameOutcome':
            "if (step.lastEnding?.claimId === lease.claimId && step.lastEnding.outcome?.kind !== 'retry') {\n" +
            "    step.status = 'running'\n" +
            "    return outcome.kind === 'retry' ? null : finish(tables, at, outcome)\n" +
            '    return isSameOutcome',
        },
      },
      caughtBy: 'settleStep › F8 F17: another outcome for a settled step changes nothing',
    },
    {
      what: 'settles a step of an ended run',
      change: {
        'memory-step-writes.ts': {
          "if (isEnded(run.status) || step.status !== 'running' || !isHeldBy(step, lease)) return null":
            "if (step.status !== 'running' || !isHeldBy(step, lease)) return null",
        },
      },
      caughtBy: 'settleStep › a step of an ended run does not settle',
    },
    {
      what: 'keeps a failed attempt to itself',
      change: { 'memory-step-writes.ts': { "addAttempt(tables, at, 'failed')": '' } },
      caughtBy: 'settleStep › a retry without a delay is rung at once',
    },
    {
      what: 'forgets the delay of a retry',
      change: { 'memory-step-writes.ts': { 'step.dueAt = tables.now() + delayMs': 'step.dueAt = tables.now()' } },
      caughtBy: 'settleStep › F18 F25: a retry is not claimable before its time, and does not wake the run',
    },
    {
      what: 'tells nobody of a retry who keeps the history',
      change: {
        'memory-step-writes.ts': {
          'touchStep(tables, run, step)\n  step.error = outcome.error': 'step.error = outcome.error',
        },
      },
      caughtBy: 'pages › A4: whatever happens to a step, it is among what changed',
    },
    {
      what: 'rings once and forgets it',
      change: { 'memory-rules.ts': { 'if (run.leaseUntil === null) ringNow(tables, run)': '' } },
      caughtBy: 'sweep › whatever woke a parked run, it is rung again until somebody claims it',
    },
  ],
  releaseStep: [
    {
      what: 'burns the attempt',
      change: { 'memory-step-writes.ts': { 'step.attempt -= 1': '' } },
      caughtBy: 'releaseStep › A16: a step whose function was not entered is given back with its attempt',
    },
    {
      what: 'gives back an attempt whose function was entered',
      change: { 'memory-step-writes.ts': { 'if (how.entered) lose(tables, at)\n  else giveBack': 'giveBack' } },
      caughtBy: 'releaseStep › A16: a step whose function was entered is given back as a lost attempt',
    },
    {
      what: 'wakes the run',
      change: {
        'memory-step-writes.ts': { 'const wake = offerAgain(': 'run.wakeSeq += 1\n  const wake = offerAgain(' },
      },
      caughtBy: 'releaseStep › a release does not wake the run',
    },
    {
      what: 'rings under a key that was used',
      change: { 'memory-tables.ts': { 'step.dispatches.set(attempt, dispatch + 1)': '' } },
      caughtBy: 'releaseStep › a step is never rung twice under one key',
    },
    {
      what: 'forgets the epoch',
      change: {
        'memory-step-writes.ts': {
          "if (isEnded(run.status) || step.status !== 'running' || !isHeldBy(step, lease)) return { wake: [] }":
            "if (isEnded(run.status) || step.status !== 'running') return { wake: [] }",
        },
      },
      caughtBy: 'releaseStep › a superseded or ended lease gives nothing back',
    },
    {
      what: 'gives back twice what is sent again',
      change: {
        'memory-step-writes.ts': {
          'step.lastEnding = { claimId: lease.claimId, outcome: null':
            'const unused = { claimId: lease.claimId, outcome: null',
        },
      },
      caughtBy: 'releaseStep › A13: the same release again answers as before',
    },
    {
      what: 'tells nobody who keeps the history',
      change: { 'memory-step-writes.ts': { 'touchStep(tables, run, step)\n  step.attempt -= 1': 'step.attempt -= 1' } },
      caughtBy: 'pages › A4: whatever happens to a step, it is among what changed',
    },
    {
      what: 'gives back a step of an ended run',
      change: {
        'memory-step-writes.ts': {
          "if (isEnded(run.status) || step.status !== 'running' || !isHeldBy(step, lease)) return { wake: [] }":
            "if (step.status !== 'running' || !isHeldBy(step, lease)) return { wake: [] }",
        },
      },
      caughtBy: 'releaseStep › a superseded or ended lease gives nothing back',
    },
  ],
  renewLeases: [
    {
      what: 'shortens',
      change: {
        'memory-outside-writes.ts': {
          'Math.max(row.leaseUntil ?? 0, tables.now() + leaseMs)': 'tables.now() + leaseMs',
        },
      },
      caughtBy: 'renewLeases › a renewal never shortens a lease',
    },
    {
      what: 'renews what was taken over',
      change: { 'memory-outside-writes.ts': { ' || !isHeldBy(row, lease)': '' } },
      caughtBy: 'renewLeases › A20: superseded, released, settled and ended leases are lost, and only they',
    },
    {
      what: 'renews steps of ended runs',
      change: { 'memory-outside-writes.ts': { ' || isEnded(run.status) || !isHeldBy': ' || !isHeldBy' } },
      caughtBy: 'renewLeases › A20: a step of a cancelled run is lost to its worker',
    },
    {
      what: 'says of nobody that he was woken',
      change: {
        'memory-outside-writes.ts': { 'if (!lease.step && run.wakeSeq > run.readWakeSeq) woken': 'if (false) woken' },
      },
      caughtBy: 'renewLeases › A5: a held run that was woken is reported until its holder has read it',
    },
    {
      what: 'tells the workers of steps of it, too',
      change: { 'memory-outside-writes.ts': { '!lease.step && run.wakeSeq': 'run.wakeSeq' } },
      caughtBy: 'renewLeases › A5: the holder of a step is told nothing of its run',
    },
    {
      what: 'calls lost what is locked',
      change: { 'memory-outside-writes.ts': { 'busy.push(lease)': 'lost.push(lease)' } },
      caughtBy: 'a locked run row › A14: renewals skip it, and report it busy',
    },
  ],
}
