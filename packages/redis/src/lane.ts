import type { Reply } from './connection.ts'

/** As ioredis hands it over: what one of several calls met stands where its answer would. */
type Answer = Reply | Error

export interface LaneSetup {
  /** One script for several calls: for each how many arguments it has, and these. Answers as lua/include/calls.lua. */
  send(args: readonly (string | number)[], deadline: number): Promise<Reply>
}

interface Waiting {
  readonly runId: string | number | undefined
  readonly args: readonly (string | number)[]
  readonly deadline: number
  resolve(reply: Reply): void
  reject(error: unknown): void
}

/**
 * A script runs for about a millisecond, and what a call has to write shows in its arguments. It counts for itself what
 * it has to read: what it did not come to is sent again.
 */
const maxArgs = 480
/** It comes to no more than so many, whatever they are: `enough` in lua/include/calls.lua. */
const maxCalls = 40
const maxChars = 128 * 1024
/** What waited here until its time was all but over, for others were slow or this thread was busy, is heard for so long (ms). */
const leastMs = 1000
/** So many on their way at once: more than one, so that the server and this process need not wait for each other. */
const maxUnderWay = 2

/**
 * The calls of one operation in one bucket. Those made in one turn of the event loop travel together, and those made while
 * others are under way, in their order. Each has its own answer or its own error. One that is alone goes at once.
 *
 * @example
 * const lane = new Lane({ send: (args, deadline) => client.send(['evalsha', sha, 1, root, 0, ...args], deadline) })
 * const [a, b] = await Promise.all([lane.ask(['a'], deadline), lane.ask(['b'], deadline)]) // one script
 */
export class Lane {
  readonly #send: LaneSetup['send']
  /** Whose calls are on their way. */
  readonly #runs = new Set<Waiting['runId']>()
  #waiting: Waiting[] = []
  #underWay = 0
  #isScheduled = false

  constructor({ send }: LaneSetup) {
    this.#send = send
  }

  /** `args`: first the run's id. Rejects with whatever its batch, or itself, met; what is worth asking again the caller knows. */
  ask(args: readonly (string | number)[], deadline: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ runId: args[0], args, deadline, resolve, reject })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    // After everything that the answers at hand set going.
    process.nextTick(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#waiting.length > 0) {
      const { batch, left, isFull } = this.#take()
      // Who is alone goes at once, and so do as many as one script takes; the others go when an answer has come.
      if (batch.length === 0 || (!isFull && this.#underWay >= maxUnderWay)) return
      this.#waiting = left
      this.#underWay += 1
      void this.#deliver(batch).then(() => {
        this.#underWay -= 1
        if (this.#waiting.length > 0) this.#schedule()
      })
    }
  }

  /** From the front as much as one script is given, one at least; nobody whose run is on its way: that would overtake. */
  #take(): { readonly batch: readonly Waiting[]; readonly left: Waiting[]; readonly isFull: boolean } {
    const batch: Waiting[] = []
    const left: Waiting[] = []
    let size = 0
    let chars = 0
    for (const [at, call] of this.#waiting.entries()) {
      if (this.#runs.has(call.runId)) {
        left.push(call)
        continue
      }
      size += 1 + call.args.length
      for (const arg of call.args) chars += typeof arg === 'string' ? arg.length : 8
      const isFull = batch.length > 0 && (batch.length === maxCalls || size > maxArgs || chars > maxChars)
      if (isFull) return { batch, left: left.concat(this.#waiting.slice(at)), isFull }
      batch.push(call)
    }
    return { batch, left, isFull: false }
  }

  /** Never rejects: everybody of the batch has an answer, an error, or is waiting again. */
  async #deliver(batch: readonly Waiting[]): Promise<void> {
    const args: (string | number)[] = []
    for (const call of batch) {
      this.#runs.add(call.runId)
      args.push(call.args.length, ...call.args)
    }
    try {
      // Who has little time left is not kept waiting for the others: they ask again.
      const first = Math.min(...batch.map((call) => call.deadline))
      const deadline = Math.max(first, performance.now() + leastMs)
      const answers = answersOf(await this.#send(args, deadline))
      batch.forEach((call, at) => conclude(call, answers[at]))
      this.#waiting.unshift(...batch.slice(answers.length))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      for (const { runId } of batch) this.#runs.delete(runId)
    }
  }
}

function answersOf(reply: Reply): readonly Answer[] {
  if (Array.isArray(reply) && reply.length > 0) return reply as readonly Answer[]
  throw new Error('a script answered none of its calls')
}

function conclude({ resolve, reject }: Waiting, answer: Answer | undefined): void {
  if (answer instanceof Error) reject(answer)
  else if (answer !== undefined) resolve(answer)
}
