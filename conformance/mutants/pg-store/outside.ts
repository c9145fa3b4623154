import type { StoreMutants } from '../mutant.ts'

export const outsideMutants: Pick<StoreMutants, 'signalRun' | 'resume' | 'cancelRun' | 'sweep' | 'enlist'> = {
  signalRun: [
    {
      what: 'accepts a signal twice',
      change: {
        'sql/signal-run.ts': {
          'select r.stale, accepted.run_id is not null as accepted': 'select r.stale, r.ended_at is null as accepted',
        },
      },
      caughtBy: 'signalRun › of ten equal signals one is accepted',
    },
    {
      what: 'drops a signal that nobody waits for yet',
      change: {
        'sql/signal-run.ts': {
          'r.revision + 1,\n           exists (select from open), r.at': 'r.revision + 1,\n           true, r.at',
        },
      },
      caughtBy: 'signalRun › A18: a signal that comes before its step waits for it',
    },
    {
      what: 'does not count itself as news',
      change: { 'sql/signal-run.ts': { 'wake_seq = r.wake_seq + 1,': 'wake_seq = r.wake_seq,' } },
      caughtBy: 'signalRun › A18: a signal that arrives during a turn refuses the park, and is handed over',
    },
    {
      what: 'settles the youngest step of its name',
      change: { 'sql/signal-run.ts': { 'order by s.ordinal\n': 'order by s.ordinal desc\n' } },
      caughtBy: 'signalRun › a signal settles the oldest open suspend step of its name, and wakes the run',
    },
    {
      what: 'leaves a run suspended that waited for a person',
      change: {
        'sql/signal-run.ts': { "status = case when w.halted then r.status else 'running' end": 'status = r.status' },
      },
      caughtBy: 'signalRun › A18: a signal sets a run running that waits for a person',
    },
    {
      what: 'lets a run go on that the engine suspended',
      change: {
        'sql/signal-run.ts': {
          "status = case when w.halted then r.status else 'running' end,\n        reason = case when w.halted then r.reason end":
            "status = 'running', reason = null",
        },
      },
      caughtBy: 'signalRun › a signal to a run that the engine suspended is kept, and does not let it go on',
    },
    {
      what: 'signals of one name wait in no order',
      change: { 'sql/commit-run.ts': { 'order by g.revision\n': 'order by g.revision desc\n' } },
      caughtBy: 'signalRun › signals of one name are consumed in the order they came',
    },
    {
      what: 'consumes one signal for two steps',
      change: { 'sql/commit-run.ts': { 'offset p.nth - 1\n': '' } },
      caughtBy: 'signalRun › signals of one name are consumed in the order they came',
    },
    {
      what: 'rings once and forgets it',
      change: {
        'sql/signal-run.ts': {
          'select run.*, not run.told and run.lease_until is null as ringing': 'select run.*, false as ringing',
        },
      },
      caughtBy: 'sweep › whatever woke a parked run, it is rung again until somebody claims it',
    },
  ],
  resume: [
    {
      what: 'remembers the crashes',
      change: { 'sql/resume-run.ts': { 'crashes = 0,': '' } },
      caughtBy: 'crashes › resume lets it go on, with the crashes forgotten',
    },
    {
      what: 'remembers the losses of steps',
      change: { 'sql/resume-run.ts': { 'set lost = 0, revision': 'set revision' } },
      caughtBy: 'crashes › A33: a step lost once too often suspends its run',
    },
    {
      what: 'keeps the run from the code it diverged with',
      change: { 'sql/resume-run.ts': { "blocked = '{}',": '' } },
      caughtBy: 'changed code › A23: no code it diverged with may claim it again, until it is resumed',
    },
    {
      what: 'resumes what has ended',
      change: { 'sql/resume-run.ts': { 'r.ended_at is null as accepted': 'true as accepted' } },
      caughtBy: 'signalRun › unknown and ended runs accept nothing',
    },
    {
      what: 'wakes nobody who holds the run',
      change: { 'sql/resume-run.ts': { 'wake_seq = r.wake_seq + 1,': '' } },
      caughtBy: 'signalRun › a resume wakes whoever holds the run',
    },
    {
      what: 'tells nobody who keeps the history that losses are forgotten',
      change: { 'sql/resume-run.ts': { 'set lost = 0, revision = lossy.seq': 'set lost = 0' } },
      caughtBy: 'crashes › A33: a step lost once too often suspends its run',
    },
  ],
  cancelRun: [
    {
      what: 'cancels what had ended',
      change: {
        'sql/cancel-run.ts': { 'where r.run_id = run.run_id and run.ended_at is null': 'where r.run_id = run.run_id' },
      },
      caughtBy: 'cancelRun › an ended and an unknown run are left alone',
    },
    {
      what: 'forgets the reason',
      change: {
        'sql/cancel-run.ts': {
          "set status = 'cancelled', reason = $2::text,": "set status = 'cancelled', reason = null,",
        },
      },
      caughtBy: 'cancelRun › F17: a cancelled run stays cancelled, and its holder writes no more',
    },
    {
      what: 'tells the parent nothing',
      change: { 'sql/cancel-run.ts': { 'and s.child_run_id = c.run_id and s.settled_seq is null': 'and false' } },
      caughtBy: 'families › A20: every way to end a child settles its step in the parent, and wakes the parent',
    },
    {
      what: 'is no news to the parent',
      change: {
        'sql/cancel-run.ts': {
          'set revision = p.revision + 1, wake_seq = r.wake_seq + 1,': 'set revision = p.revision + 1,',
        },
      },
      caughtBy: 'families › park is refused when a child ended meanwhile',
    },
    {
      what: 'rings the parent once and forgets it',
      change: {
        'sql/cancel-run.ts': {
          'select l.*, not l.told and l.lease_until is null as ringing': 'select l.*, false as ringing',
        },
      },
      caughtBy: 'sweep › whatever woke a parked run, it is rung again until somebody claims it',
    },
    {
      what: 'is refused where somebody else has the lock',
      change: {
        'outside-operations.ts': {
          "const row = await send([runId, reason, db.offsetMs], patient)\n    if (!row && !patient) return 'busy'":
            'const row = await send([runId, reason, db.offsetMs], patient)',
        },
      },
      caughtBy: 'a locked run row › whatever writes to it waits for it, and is not refused',
    },
  ],
  sweep: [
    {
      what: 'returns steps before their time',
      change: {
        'sql/sweep.ts': {
          'where not s.rung and s.ring_at <= clock.at and not s.leased':
            'where not s.rung and not s.leased and s.ring_at is not null',
          's.lease_until is null and s.ring_at <= case when s.rung then clock.rung_before else clock.at end':
            's.lease_until is null',
        },
      },
      caughtBy: 'sweep › A32: healthy work is left alone',
    },
    {
      what: 'returns steps that are held',
      change: {
        'sql/sweep.ts': {
          'where s.leased and s.lease_until <= clock.at and (s.ring_at': 'where s.leased and (s.ring_at',
          'else (s.lease_until <= clock.at or s.worker = any (array(select owner from dead)))': 'else true',
        },
      },
      caughtBy: 'sweep › A32: healthy work is left alone',
    },
    {
      what: 'knows no limit',
      change: {
        'outside-operations.ts': {
          'const parameters = [limit, redispatchAfterMs': 'const parameters = [limit * 1000, redispatchAfterMs',
        },
      },
      caughtBy: 'sweep › A31: each kind has its own limit, and a cut is told',
    },
    {
      what: 'stamps nothing',
      change: {
        'sql/sweep.ts': {
          'set ring_at = clock.at + ${interval(`$2::float8 * 2 ^ least(r.rings, 20)`)}, rung = false, rings = r.rings + 1\n    from locked_runs':
            'set ring_at = r.ring_at\n    from locked_runs',
        },
      },
      caughtBy: 'sweep › A17: a timer is rung when it is due, and the sweep says when the next one is',
    },
    {
      what: 'keeps its window',
      change: {
        'sql/sweep.ts': {
          'set ring_at = clock.at + ${interval(`$2::float8 * 2 ^ least(r.rings, 20)`)}, rung = false, rings = r.rings + 1\n    from locked_runs':
            "set ring_at = clock.at + ${interval('$2::float8')}, rung = false, rings = r.rings + 1\n    from locked_runs",
        },
      },
      caughtBy: 'sweep › A24: the window doubles with each dispatch',
    },
    {
      what: 'does not say when the next timer is due',
      change: { 'outside-operations.ts': { 'due === null || due === undefined ? null :': 'due !== 0 ? null :' } },
      caughtBy: 'sweep › A17: a timer is rung when it is due, and the sweep says when the next one is',
    },
    {
      what: 'overlooks leases that ran out',
      change: {
        'sql/sweep.ts': {
          "where r.leased and r.lease_until <= clock.at and r.lease_until + ${interval(crashDelay('r.crashes'))} <= clock.at":
            'where false',
        },
      },
      caughtBy: 'sweep › F10: leases that ran out are found at once',
    },
    {
      what: 'gives a run that nobody holds a lease that just ran out',
      change: {
        'sql/sweep.ts': {
          'set lease_until = case when not l.over and s.lease_until is not null then least(s.lease_until, clock.at) end':
            'set lease_until = case when not l.over then least(s.lease_until, clock.at) end',
        },
      },
      caughtBy: 'renewLeases › what was given back is not renewed, not even after a sweep rang for it',
    },
    {
      what: 'waits for a locked row',
      change: {
        'sql/sweep.ts': {
          'order by r.run_id\n    for no key update of r skip locked\n  ),\n  rung_runs':
            'order by r.run_id\n    for no key update of r\n  ),\n  rung_runs',
        },
      },
      caughtBy: 'a locked run row › a sweep does not wait for it',
    },
    {
      what: 'overlooks children of ended parents',
      change: {
        'sql/sweep.ts': {
          'select c.run_id, c.workflow, c.held from children as c limit $1::integer':
            'select c.run_id, c.workflow, c.held from children as c limit 0',
        },
      },
      caughtBy: 'families › A20: children of an ended parent are found by the sweep, unless they may outlive it',
    },
    {
      what: 'gives the dead no grace',
      change: {
        'sql/sweep.ts': {
          "where not v.alive and v.gone_since <= clock.at - ${interval('$3::float8')}":
            'where not v.alive and v.gone_since <= clock.at',
        },
      },
      caughtBy: 'death by connection › F10: an owner whose connection is gone for the grace loses its leases',
    },
    {
      what: 'rings steps of a run that the engine suspended',
      change: { 'sql/sweep.ts': { '(run.ended_at is not null or not run.halted)': '(true)' } },
      caughtBy: 'changed code › its open steps are neither rung nor claimed meanwhile',
    },
  ],
  enlist: [
    {
      what: 'holds no lock',
      change: { 'renewal-session.ts': { 'await this.#pool.query(holdLock, [this.#schema.lockClass, key])': '' } },
      caughtBy: 'death by connection › F10: an owner whose connection is gone for the grace loses its leases',
    },
    {
      what: 'holds a lock that no sweep looks for',
      change: { 'sql/enlist.ts': { 'select pg_advisory_lock_shared(': 'select pg_advisory_lock(' } },
      caughtBy: 'death by connection › F10: an owner whose connection is gone for the grace loses its leases',
    },
  ],
}
