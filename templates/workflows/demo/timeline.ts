import type { Attempt, Step } from './api-client.js'

interface Line {
  readonly key: string
  readonly at: number
  readonly text: string
}

/** Prints what happened in a run, each thing once, with the time since the run was started. */
export class Timeline {
  readonly #startedAt = Date.now()
  readonly #shown = new Set<string>()
  readonly #nameOf: (pid: number) => string

  constructor(nameOf: (pid: number) => string) {
    this.#nameOf = nameOf
  }

  show(history: readonly Attempt[], steps: readonly Step[]): void {
    const attempts = history.map((attempt) => this.#attempt(attempt))
    const sleeps = steps.filter(({ kind }) => kind === 'sleep').flatMap(sleepLines)
    for (const { key, at, text } of [...attempts, ...sleeps].toSorted((a, b) => a.at - b.at)) {
      if (this.#shown.has(key)) continue
      this.#shown.add(key)
      this.note(text, at)
    }
  }

  note(text: string, at = Date.now()): void {
    console.log(`${`${((at - this.#startedAt) / 1000).toFixed(2)} s`.padStart(9)}  ${text}`)
  }

  #attempt({ stepName, attemptCount, status, error, worker, startedAt, endedAt }: Attempt): Line {
    const durationMs = Date.parse(endedAt) - Date.parse(startedAt)
    const outcome = error?.code === 'ATTEMPT_LOST' ? 'lost' : status
    const where = worker ? this.#nameOf(pidOf(worker)) : ''
    return {
      key: `${stepName} ${startedAt} ${attemptCount}`,
      at: Date.parse(endedAt),
      text: columns(stepName, `attempt ${attemptCount}`, outcome, `${durationMs} ms`, where),
    }
  }
}

/** A worker is named after its host and process: `host:pid:…`. */
export function pidOf(worker: string): number {
  return Number(worker.split(':').at(-2))
}

function sleepLines({ stepName, createdAt, dueAt, endedAt }: Step): Line[] {
  const from = Date.parse(createdAt)
  const key = `${stepName} ${createdAt}`
  const begins = { key: `${key} begins`, at: from, text: columns(stepName, 'sleep', 'begins') }
  if (!endedAt) return dueAt ? [begins] : []
  const slept = `${Date.parse(endedAt) - from} ms`
  return [begins, { key: `${key} over`, at: Date.parse(endedAt), text: columns(stepName, 'sleep', 'over', slept) }]
}

function columns(...[step = '', what = '', outcome = '', duration = '', where = '']: readonly string[]): string {
  return `${step.padEnd(22)}${what.padEnd(12)}${outcome.padEnd(11)}${duration.padStart(8)}   ${where}`.trimEnd()
}
