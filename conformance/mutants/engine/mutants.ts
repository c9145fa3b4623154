import type { Subject } from '../mutant.ts'

export const mutants: Subject['mutants'] = {
  leases: [
    {
      what: 'forgets to renew',
      change: { 'engine/lease-keeper.ts': { 'await this.#renew([...this.#held])': 'await Promise.resolve()' } },
      caughtBy: 'several processes › F5: a step longer than its lease keeps it: once here, never elsewhere',
    },
    {
      what: 'does not stop what runs under a lost lease',
      change: { 'engine/lease-keeper.ts': { 'holding.abort.abort(new LeaseLostError(runId, step))': '' } },
      caughtBy: 'cancel › from outside: the running step is told, nothing after it happens',
    },
  ],
  wakes: [
    {
      what: 'drops a wake that comes during a turn',
      change: { 'engine/run-turns.ts': { '#wake(): void {\n    this.#woken = true': '#wake(): void {' } },
      caughtBy: 'pushes › A5: who holds a run for an inline step is told at once what settled in another process',
    },
    {
      what: 'forgets what it heard of a run while it claimed it',
      change: { 'engine/lease-keeper.ts': { 'this.#expected.set(runId, true)': 'this.#expected.set(runId, false)' } },
      caughtBy:
        'pushes › A5: what settled elsewhere while the answer to a claim was on its way is told to who holds the run then',
    },
    {
      what: 'leaves to the sweep what a settlement rings',
      change: { 'engine/step-worker.ts': { 'void this.#parts.dispatcher.dispatch(settled.wake)': '' } },
      caughtBy: 'pushes › with every safety interval at a minute the pushes alone bring each run to its end',
    },
    {
      what: 'never sweeps',
      change: { 'engine/sweeper.ts': { 'this.#dispatcher.dispatchSwept(swept.items)': '' } },
      caughtBy: 'start › F11: a run whose start was never followed by a message is found',
    },
    {
      what: 'waits for the interval, whatever timer was set',
      change: { 'engine/sweeper.ts': { 'if (at >= this.#wakeAt) return': 'if (at >= 0) return' } },
      caughtBy: 'pushes › with every safety interval at a minute the pushes alone bring each run to its end',
    },
    {
      what: 'does not end a sleep while an inline step runs',
      change: { 'engine/due-sleeps.ts': { 'due = true': 'due = false' } },
      caughtBy: 'promises › A5: a sleep ends on time while an inline step runs',
    },
  ],
  attempts: [
    {
      what: 'retries an inline step before its time',
      change: {
        'engine/open-inline.ts': {
          'const dueAt = this.#clock.elapsed() + dueInMs': 'const dueAt = this.#clock.elapsed()',
        },
      },
      caughtBy: 'retries › F12, F25: retryDelay is a minimum, in both forms',
    },
    {
      what: 'counts lost attempts as retries',
      change: { 'domain/retry-policy.ts': { 'attempt - lost >=': 'attempt >=' } },
      caughtBy: 'crashes › lost attempts use up none of the retries',
    },
    {
      what: 'allows one attempt more',
      change: { 'domain/retry-policy.ts': { '>= policy.retries + 1 ||': '> policy.retries + 1 ||' } },
      caughtBy: 'retries › F17: retries 0 is exactly one attempt',
    },
    {
      what: 'runs an inline step again that another process has run',
      change: {
        'replay/request-book.ts': {
          "if (row && (row.kind !== 'inline' || row.status !== 'scheduled')) return":
            "if (row && row.kind !== 'inline') return",
        },
      },
      caughtBy: 'stop › A16: parked runs and runs between steps go on elsewhere at once, no attempt is lost',
    },
  ],
  stopping: [
    {
      what: 'takes a step that was told to stop for one that failed',
      change: {
        'engine/step-worker.ts': {
          "if (graceOver.aborted && outcome.kind !== 'succeeded') return": 'if (false) return',
        },
      },
      caughtBy: 'stop › past the grace the signal aborts and the step is given back',
    },
    {
      what: 'waits for ever for a step that does not heed its signal',
      change: {
        'engine/step-worker.ts': { 'resolve({ entered: true, delayMs: handOverMs })': 'void [resolve, handOverMs]' },
      },
      caughtBy: 'stop › past the grace the signal aborts and the step is given back',
    },
    {
      what: 'takes turns while it stops',
      change: {
        'engine/plan-turn.ts': { "if (state.stopping) return { kind: 'yield', delayMs }": '' },
      },
      caughtBy: 'stop › A16: parked runs and runs between steps go on elsewhere at once, no attempt is lost',
    },
  ],
  leaving: [
    {
      what: 'completes a run while a step is open',
      change: {
        'engine/plan-turn.ts': {
          "decision.kind === 'returned' && decision.open === 0": "decision.kind === 'returned'",
        },
      },
      caughtBy: 'promises › A6: an un-awaited step is run, and the run completes only after it',
    },
    {
      what: 'parks a run whose body awaits something outside',
      change: { 'engine/plan-turn.ts': { 'if (decision.open === 0 || state.more > 0) return hold': '' } },
      caughtBy: 'plain timers › a body that awaits nothing durable is waited for and told of',
    },
    {
      what: 'is deaf to a body that moves while it is parked',
      change: {
        'engine/orchestrator.ts': {
          "body.onMoved = () => void this.#parts.dispatcher.dispatch([{ kind: 'run', runId, workflow }])":
            'body.onMoved = () => undefined',
        },
      },
      caughtBy: 'plain timers › A3: a plain timer can win a race against a step',
    },
  ],
  replay: [
    {
      what: 'delivers before all is asked for that was asked for before',
      change: { 'replay/replay.ts': { ' && this.#book.missingBefore(seq).length === 0': '' } },
      caughtBy: 'plain timers › A1: a race that a plain timer has won is won by it in every replay',
    },
    {
      what: 'overlooks recorded steps that the code no longer asks for',
      change: { 'replay/replay.ts': { 'if (!all() && !(await this.#inTime(all))) this.#diverge(Infinity, null)': '' } },
      caughtBy:
        'deploys › A2, F62: a throw moved up: suspended for that code with the difference, finished by the code it began with',
    },
  ],
}
