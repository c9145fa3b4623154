import { codeOf, mayBeApplied, troubleOf, unavailable } from './retryable.ts'

/** What became of one call of a statement. */
export type Verdict<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer | Promise<Answer> }
  | { readonly kind: 'refused'; readonly error: Error }
  /** A row it needs is locked by somebody: it waits for it, and nobody who wants another row waits with it. */
  | { readonly kind: 'busy' }
  /** It read something that changed meanwhile, and nothing was written: send it again. */
  | { readonly kind: 'stale' }

interface Sending {
  /** Calls of one row only, and wait for it where it is locked. */
  readonly patient: boolean
  /** By its place: whether this call was sent before and may have been applied. */
  readonly repeated: readonly boolean[]
}

export interface Lane<Call, Answer> {
  /** For messages: the operation. */
  readonly name: string
  /** Send calls as one statement and answer each, by its place. */
  send(calls: readonly Call[], how: Sending): Promise<readonly Verdict<Answer>[]>
  /** Calls of one key never travel together; the later one follows in the next statement. Left out: any two may. */
  keyOf?(call: Call): string
  /** The row it locks: calls that found it locked wait for it together. Left out: each waits by itself. */
  rowOf?(call: Call): string
  /** About how many bytes a call adds to its statement. */
  sizeOf(call: Call): number
  readonly maxCalls: number
  /** Statements of this lane under way at once. */
  readonly maxStatements: number
  /** How long (ms) one call may go without a definite answer, asked for twice at least, before it fails with `StoreUnavailableError`. */
  readonly patienceMs: number
  /** Where this goes to, for messages. */
  readonly target: string
}

interface Waiting<Call, Answer> {
  readonly call: Call
  readonly key: unknown
  readonly row: unknown
  readonly size: number
  readonly since: number
  tries: number
  isRepeated: boolean
  resolve(answer: Answer | Promise<Answer>): void
  reject(error: unknown): void
}

const maxBatchBytes = 1024 * 1024
/** Waiting for locked rows goes on in so many statements at once, so that two locked rows do not wait for each other. */
const maxPatient = 2
const lockTimeout = '55P03'

/**
 * Calls made in one turn of the event loop, or while a statement is under way, travel as one statement. Knows nothing
 * of what they mean. Each is answered by itself: one that cannot be kept, or that has to wait, touches no other.
 *
 * @example
 * const settle = coalesce(lane)
 * const [a, b] = await Promise.all([settle(one), settle(two)]) // one statement
 */
export function coalesce<Call, Answer>(lane: Lane<Call, Answer>): (call: Call) => Promise<Answer> {
  const coalescer = new Coalescer(lane)
  return (call) => coalescer.call(call)
}

class Coalescer<Call, Answer> {
  readonly #lane: Lane<Call, Answer>
  #queue: Waiting<Call, Answer>[] = []
  #patient: Waiting<Call, Answer>[] = []
  #underWay = 0
  /** Rows that are being waited for. */
  readonly #patientRows = new Set<unknown>()
  #scheduled = false

  constructor(lane: Lane<Call, Answer>) {
    this.#lane = lane
  }

  call(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const size = this.#lane.sizeOf(call)
      this.#queue.push({
        call,
        key: this.#lane.keyOf?.(call) ?? Symbol(),
        row: this.#lane.rowOf?.(call) ?? Symbol(),
        size,
        since: performance.now(),
        tries: 0,
        isRepeated: false,
        resolve,
        reject,
      })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // After everything that this turn's answers set going has had its chance to call.
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#queue.length > 0 && this.#underWay < this.#lane.maxStatements) {
      this.#underWay += 1
      const { batch, left } = this.#take(this.#queue)
      this.#queue = left
      void this.#deliver(batch, false).then(() => {
        this.#underWay -= 1
        if (this.#queue.length > 0) this.#schedule()
      })
    }
  }

  /** From the front as much as one statement carries; order is kept among calls of one key. */
  #take(queue: readonly Waiting<Call, Answer>[]): Record<'batch' | 'left', Waiting<Call, Answer>[]> {
    const batch: Waiting<Call, Answer>[] = []
    const left: Waiting<Call, Answer>[] = []
    const keys = new Set<unknown>()
    let bytes = 0
    for (const waiting of queue) {
      const full = batch.length >= this.#lane.maxCalls || (batch.length > 0 && bytes + waiting.size > maxBatchBytes)
      if (full || keys.has(waiting.key)) left.push(waiting)
      else {
        batch.push(waiting)
        bytes += waiting.size
      }
      keys.add(waiting.key)
    }
    return { batch, left }
  }

  /** Never rejects: every call of the batch is answered, refused, or queued again. */
  async #deliver(batch: readonly Waiting<Call, Answer>[], patient: boolean): Promise<void> {
    try {
      const calls = batch.map((waiting) => waiting.call)
      const repeated = batch.map((waiting) => waiting.isRepeated)
      const verdicts = await this.#lane.send(calls, { patient, repeated })
      batch.forEach((waiting, at) => this.#conclude(waiting, verdicts[at]))
      this.#flushPatient()
    } catch (error) {
      await this.#recover(batch, patient, error)
    }
  }

  #conclude(waiting: Waiting<Call, Answer>, verdict: Verdict<Answer> | undefined): void {
    if (verdict === undefined)
      waiting.reject(new Error(`${this.#lane.name}: the statement did not answer one of its calls`))
    else if (verdict.kind === 'answer') waiting.resolve(verdict.answer)
    else if (verdict.kind === 'refused') waiting.reject(verdict.error)
    else if (verdict.kind === 'busy') this.#patient.push(waiting)
    else if (this.#isOverdue(waiting))
      this.#giveUp(waiting, new Error('the run changed again and again while it was read'))
    else {
      this.#queue.unshift(waiting)
      this.#schedule()
    }
  }

  /** Behind everybody else who waits: a row that stays locked holds up nobody but those who want it. */
  #waitOn(waiting: Waiting<Call, Answer>, error: unknown): void {
    if (this.#isOverdue(waiting)) this.#giveUp(waiting, error)
    else this.#patient.push(waiting)
  }

  #flushPatient(): void {
    while (this.#patientRows.size < maxPatient) {
      const next = this.#patient.find(({ row }) => !this.#patientRows.has(row))
      if (!next) return
      const { row } = next
      const { batch } = this.#take(this.#patient.filter((waiting) => waiting.row === row))
      this.#patient = this.#patient.filter((waiting) => !batch.includes(waiting))
      this.#patientRows.add(row)
      void this.#deliver(batch, true).then(() => {
        this.#patientRows.delete(row)
        this.#flushPatient()
      })
    }
  }

  async #recover(batch: readonly Waiting<Call, Answer>[], patient: boolean, error: unknown): Promise<void> {
    const trouble = troubleOf(error)
    if (trouble === 'poison' && batch.length > 1) {
      for (const waiting of batch) {
        // While its neighbours were tried, the server may have gone, for all the time there was.
        if (this.#isOverdue(waiting)) this.#giveUp(waiting, error)
        else await this.#deliver([waiting], patient)
      }
      return
    }
    if (trouble === 'denied') return batch.forEach((waiting) => this.#giveUp(waiting, error))
    if (trouble === 'poison' || trouble === 'broken') return batch.forEach((waiting) => waiting.reject(error))
    if (patient && codeOf(error) === lockTimeout) return batch.forEach((waiting) => this.#waitOn(waiting, error))
    // Where nobody answers, the first try alone may take all the time there is.
    const isToRepeat = (waiting: Waiting<Call, Answer>): boolean => waiting.tries === 0 || !this.#isOverdue(waiting)
    const again = batch.filter((waiting) => isToRepeat(waiting) || this.#giveUp(waiting, error))
    if (again.length === 0) return
    for (const waiting of again) {
      waiting.tries += 1
      waiting.isRepeated ||= mayBeApplied(error)
    }
    await backoff(trouble === 'conflict' ? 1 : 25, Math.max(...again.map((waiting) => waiting.tries)))
    await this.#deliver(again, patient)
  }

  #isOverdue(waiting: Waiting<Call, Answer>): boolean {
    return performance.now() - waiting.since > this.#lane.patienceMs
  }

  #giveUp(waiting: Waiting<Call, Answer>, cause: unknown): false {
    const { name, target } = this.#lane
    waiting.reject(unavailable(name, target, cause))
    return false
  }
}

/**
 * Doubles up to a second, spread so that those who met once do not meet again. Keeps the process alive: while there is no
 * connection nothing else does, and whoever awaits the call would end with it, unanswered.
 */
function backoff(firstMs: number, tries: number): Promise<void> {
  const ms = Math.min(firstMs * 2 ** (tries - 1), 1000) * (0.5 + Math.random())
  return new Promise((resolve) => void setTimeout(resolve, ms))
}
