import type { StoreMutants } from '../mutant.ts'

export const outsideMutants: Pick<StoreMutants, 'signalRun' | 'resume' | 'cancelRun' | 'sweep' | 'enlist'> = {
  signalRun: [
    {
      what: 'accepts a signal twice',
      change: { 'memory-outside-writes.ts': { 'if (run.signals.has(signal.signalId)) return': 'if (false) return' } },
      caughtBy: 'signalRun › of ten equal signals one is accepted',
    },
    {
      what: 'drops a signal that nobody waits for yet',
      change: { 'memory-outside-writes.ts': { 'consumed: step !== undefined': 'consumed: true' } },
      caughtBy: 'signalRun › A18: a signal that comes before its step waits for it',
    },
    {
      what: 'wakes nobody',
      change: {
        'memory-outside-writes.ts': {
          'return { accepted: true, wake: wakeRun(tables, run) }': 'return { accepted: true, wake: [] }',
        },
      },
      caughtBy: 'signalRun › A18: a signal that arrives during a turn refuses the park, and is handed over',
    },
    {
      what: 'settles the youngest step of its name',
      change: {
        'memory-outside-writes.ts': {
          'of run.steps.values()) {\n    if (step.kind === ':
            'of [...run.steps.values()].reverse()) {\n    if (step.kind === ',
        },
      },
      caughtBy: 'signalRun › a signal settles the oldest open suspend step of its name, and wakes the run',
    },
    {
      what: 'settles a step of another name',
      change: { 'memory-outside-writes.ts': { ' && step.id.name === name': '' } },
      caughtBy: 'signalRun › a signal settles the oldest open suspend step of its name, and wakes the run',
    },
    {
      what: 'leaves a run suspended that waited for a person',
      change: {
        'memory-outside-writes.ts': {
          "if (run.status === 'suspended' && !run.suspendedByEngine) letRun(tables, run)": '',
        },
      },
      caughtBy: 'signalRun › A18: a signal sets a run running that waits for a person',
    },
    {
      what: 'lets a run go on that the engine suspended',
      change: { 'memory-outside-writes.ts': { ' && !run.suspendedByEngine) letRun': ') letRun' } },
      caughtBy: 'signalRun › a signal to a run that the engine suspended is kept, and does not let it go on',
    },
    {
      what: 'signals of one name wait in no order',
      change: { 'memory-plans.ts': { '[...run.signals.values()].find(': '[...run.signals.values()].reverse().find(' } },
      caughtBy: 'signalRun › signals of one name are consumed in the order they came',
    },
  ],
  resume: [
    {
      what: 'remembers the crashes',
      change: { 'memory-outside-writes.ts': { 'run.crashes = 0': '' } },
      caughtBy: 'crashes › resume lets it go on, with the crashes forgotten',
    },
    {
      what: 'remembers the losses of steps',
      change: { 'memory-outside-writes.ts': { 'step.lost = 0\n': '' } },
      caughtBy: 'crashes › A33: a step lost once too often suspends its run',
    },
    {
      what: 'keeps the run from the code it diverged with',
      change: { 'memory-outside-writes.ts': { 'run.blockedFor.clear()': '' } },
      caughtBy: 'changed code › A23: no code it diverged with may claim it again, until it is resumed',
    },
    {
      what: 'rings only what nobody was told of',
      change: {
        'memory-outside-writes.ts': {
          'run.wakeSeq += 1\n  return [ringRun(tables, run)]': 'return wakeRun(tables, run)',
        },
      },
      caughtBy: 'signalRun › a signal to a run that the engine suspended is kept, and does not let it go on',
    },
    {
      what: 'wakes nobody who holds the run',
      change: { 'memory-outside-writes.ts': { 'run.wakeSeq += 1\n  return [ringRun': 'return [ringRun' } },
      caughtBy: 'signalRun › a resume wakes whoever holds the run',
    },
    {
      what: 'tells nobody who keeps the history that losses are forgotten',
      change: { 'memory-outside-writes.ts': { 'step.lost = 0\n    touchStep(tables, run, step)': 'step.lost = 0' } },
      caughtBy: 'crashes › A33: a step lost once too often suspends its run',
    },
  ],
  cancelRun: [
    {
      what: 'claims to have cancelled what had ended',
      change: {
        'memory-outside-writes.ts': {
          'if (!run || isEnded(run.status)) return { cancelled: false, wake: [] }\n  return { cancelled: true, wake: endRun':
            'if (!run) return { cancelled: false, wake: [] }\n  if (isEnded(run.status)) return { cancelled: true, wake: [] }\n  return { cancelled: true, wake: endRun',
        },
      },
      caughtBy: 'cancelRun › an ended and an unknown run are left alone',
    },
    {
      what: 'forgets the reason',
      change: { 'memory-outside-writes.ts': { "{ status: 'cancelled', reason }": "{ status: 'cancelled' }" } },
      caughtBy: 'cancelRun › F17: a cancelled run stays cancelled, and its holder writes no more',
    },
    {
      what: 'tells the parent nothing',
      change: {
        'memory-outside-writes.ts': {
          "endRun(tables, run, { status: 'cancelled', reason })":
            "endRun(tables, Object.assign(run, { parent: null }), { status: 'cancelled', reason })",
        },
      },
      caughtBy: 'families › A20: every way to end a child settles its step in the parent, and wakes the parent',
    },
  ],
  sweep: [
    {
      what: 'returns healthy work',
      change: { 'memory-sweep.ts': { 'if (candidate.at > now) break': '' } },
      caughtBy: 'sweep › A32: healthy work is left alone',
    },
    {
      what: 'knows no limit',
      change: { 'memory-sweep.ts': { 'if (count >= ask.limit) {': 'if (false) {' } },
      caughtBy: 'sweep › A31: each kind has its own limit, and a cut is told',
    },
    {
      what: 'has one limit for all kinds',
      change: { 'memory-sweep.ts': { 'const count = taken.get(candidate.kind) ?? 0': 'const count = items.length' } },
      caughtBy: 'sweep › A31: each kind has its own limit, and a cut is told',
    },
    {
      what: 'stamps nothing',
      change: { 'memory-sweep.ts': { 'stamp(tables, candidate.row)\n': '' } },
      caughtBy: 'sweep › two sweepers at once share the work',
    },
    {
      what: 'keeps its window',
      change: { 'memory-sweep.ts': { ' * 2 ** Math.min(row.rings, 20)': '' } },
      caughtBy: 'sweep › A24: the window doubles with each dispatch',
    },
    {
      what: 'does not say when the next timer is due',
      change: { 'memory-sweep.ts': { 'next === Infinity ? null :': 'next !== 0 ? null :' } },
      caughtBy: 'sweep › A17: a timer is rung when it is due, and the sweep says when the next one is',
    },
    {
      what: 'overlooks leases that ran out',
      change: {
        'memory-sweep.ts': {
          'if (run.leaseUntil !== null) return Math.max(takeOverAt(run), again ?? 0)':
            'if (run.leaseUntil !== null) return null',
        },
      },
      caughtBy: 'sweep › F10: leases that ran out are found at once',
    },
    {
      what: 'gives out what others know',
      change: { 'memory-sweep.ts': { 'if (!isForWorker(run, ask.known)) return null': '' } },
      caughtBy: 'sweep › A23: a sweeper is given runs of workflows it has, and steps of any',
    },
    {
      what: 'overlooks children of ended parents',
      change: { 'memory-sweep.ts': { 'if (isOrphan(tables, run)) return again ?? 0': '' } },
      caughtBy: 'families › A20: children of an ended parent are found by the sweep, unless they may outlive it',
    },
    {
      what: 'gives the dead no grace',
      change: { 'memory-sweep.ts': { 'graceOf(tables, owner) + graceMs': 'graceOf(tables, owner)' } },
      caughtBy: 'death by connection › F10: an owner whose connection is gone for the grace loses its leases',
    },
    {
      what: 'rings steps of a run that the engine suspended',
      change: { 'memory-sweep.ts': { 'if (run.suspendedByEngine) continue': '' } },
      caughtBy: 'changed code › its open steps are neither rung nor claimed meanwhile',
    },
    {
      what: 'rings sleeps as steps',
      change: {
        'memory-sweep.ts': {
          "if (step.kind !== 'rpc' || isSettled(step.status)) return null": 'if (isSettled(step.status)) return null',
        },
      },
      caughtBy: 'sweep › A17: a timer is rung when it is due, and the sweep says when the next one is',
    },
    {
      what: 'has one limit for runs and children of ended parents',
      change: { 'memory-sweep.ts': { "if (isOrphan(tables, run)) return 'orphan'": '' } },
      caughtBy: 'sweep › A31: children of an ended parent do not queue behind others',
    },
    {
      what: 'goes on with its window after a claim',
      change: {
        'memory-tables.ts': {
          'row.rungAt = tables.now()\n  row.rings = 0': 'row.rungAt = tables.now()',
          'row.rungAt = null\n  row.rings = 0': 'row.rungAt = null',
        },
      },
      caughtBy: 'sweep › A24: with the next claim the window begins anew',
    },
  ],
  enlist: [
    {
      what: 'does nothing',
      change: { 'memory-store.ts': { 'tables.reconnect(owner)': '' } },
      caughtBy: 'death by connection › F10: an owner whose connection is gone for the grace loses its leases',
    },
    {
      what: 'counts an owner as dead that is back',
      change: {
        'memory-store.ts': { 'tables.reconnect(owner)': 'if (!tables.owners.has(owner)) tables.reconnect(owner)' },
      },
      caughtBy: 'death by connection › an owner that enlists again within the grace keeps its leases',
    },
  ],
}
