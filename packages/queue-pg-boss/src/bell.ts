import { randomUUID } from 'node:crypto'
import type { Logger } from '@pikku/core/contract'
import { Batcher } from '@pikku/core/queue'
import type { BossConnection } from './connection.ts'
import { reasonOf } from './reason-of.ts'

/** One channel for every schema: a ring for somebody else's queue of the same name costs one empty fetch. */
const CHANNEL = 'pikku_queue'
const ECHO_TIMEOUT_MS = 1_000
const ECHO_EVERY_MS = 30_000
const RELISTEN_MS = 5_000
/** A notification holds at most 8,000 bytes. */
const MAX_PAYLOAD = 7_000

/** Outside the transaction that wrote: a NOTIFY there makes every commit of the server wait in one line. */
const NOTIFY = `select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`

/** Told when there may be something in the queue, `delayMs` from now. */
export type Waker = (delayMs: number) => void

/** There is something in a queue, or a job has ended. */
type Ring = { readonly queue: string; readonly delayMs: number } | { readonly ended: string }

/**
 * Tells every process that a queue has something in it, and that a job has ended: one NOTIFY per process and turn of the
 * event loop, naming the queues and the jobs.
 * Only a hint, so that whoever listens need not poll fast; `live` says whether hints do arrive.
 */
export class Bell {
  readonly #connection: BossConnection
  readonly #logger: Logger
  readonly #self = randomUUID()
  readonly #wakers = new Map<string, Set<Waker>>()
  /** By pg-boss's id of the job. */
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #rings: Batcher<Ring>
  #listening: Promise<void> | undefined
  #handle: { close(): Promise<void> } | undefined
  #stopTrouble: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #echo: string | undefined
  #live = false
  #saidDead = false
  #closed = false

  constructor(connection: BossConnection, logger: Logger) {
    this.#connection = connection
    this.#logger = logger
    this.#rings = new Batcher({ max: 1_000, flush: (rings) => this.#notify(rings) })
  }

  /** True while an echo of our own proves that notifications arrive (they do not behind PgBouncer in transaction mode). */
  get live(): boolean {
    return this.#live
  }

  /** Wake everyone who takes from `queue`: this process at once, the others by notification. */
  ring(queue: string, delayMs = 0): void {
    for (const wake of this.#wakers.get(queue) ?? []) wake(delayMs)
    this.#rings.add({ queue, delayMs })
  }

  /** `wake` runs on every ring for `queue`, and whenever one may have been missed. Returns the way out. */
  onRing(queue: string, wake: Waker): () => void {
    const wakers = this.#wakers.get(queue) ?? new Set()
    this.#wakers.set(queue, wakers.add(wake))
    this.#listening ??= this.#listen()
    return () => {
      wakers.delete(wake)
      if (wakers.size === 0) this.#wakers.delete(queue)
    }
  }

  /** A job has ended: tell whoever waits for it. */
  ringEnd(job: string): void {
    this.#wakeWaiting(job)
    this.#rings.add({ ended: job })
  }

  /** `wake` runs when this job has ended, and whenever that may have been missed. Returns the way out. */
  onEnd(job: string, wake: () => void): () => void {
    const waiting = this.#waiting.get(job) ?? new Set()
    this.#waiting.set(job, waiting.add(wake))
    this.#listening ??= this.#listen()
    return () => {
      waiting.delete(wake)
      if (waiting.size === 0) this.#waiting.delete(job)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#live = false
    clearTimeout(this.#timer)
    this.#stopTrouble?.()
    await this.#rings.drained()
    await this.#listening
    await this.#handle?.close()
  }

  async #notify(rings: readonly Ring[]): Promise<void> {
    const distinct = new Map(
      rings.map((ring) => ['ended' in ring ? ring.ended : `${ring.delayMs} ${ring.queue}`, ring]),
    )
    for (const part of chunk([...distinct.values()])) {
      const queues = part.flatMap((ring) => ('ended' in ring ? [] : [[ring.queue, ring.delayMs] as const]))
      const ended = part.flatMap((ring) => ('ended' in ring ? [ring.ended] : []))
      try {
        await this.#send({ from: this.#self, queues, ...(ended.length > 0 ? { ended } : {}) })
      } catch (error) {
        this.#logger.warn(
          `queue: could not notify other processes; their safety poll finds the jobs: ${reasonOf(error)}`,
        )
      }
    }
  }

  async #send(message: Message): Promise<void> {
    await (await this.#connection.preparing()).executeSql(NOTIFY, [CHANNEL, JSON.stringify(message)])
  }

  async #listen(): Promise<void> {
    this.#stopTrouble ??= this.#connection.onTrouble(() => this.#suspect())
    try {
      const db = (await this.#connection.start()).getDb()
      if (!db.listen) return this.#sayDead('the connection given to pg-boss has no listen()')
      this.#handle = await db.listen(
        CHANNEL,
        (payload) => this.#hear(payload),
        () => this.#connected(),
      )
    } catch (error) {
      this.#sayDead(error instanceof Error ? error.message : String(error))
      this.#after(RELISTEN_MS, () => {
        this.#listening = this.#listen()
      })
    }
  }

  #hear(payload: string): void {
    const message = parseMessage(payload)
    if (!message) return this.#logger.debug(`queue: foreign notification on ${CHANNEL} ignored`)
    if (message.from === this.#self) return this.#heardSelf(message)
    for (const [queue, delayMs] of message.queues) {
      for (const wake of this.#wakers.get(queue) ?? []) wake(delayMs)
    }
    for (const job of message.ended ?? []) this.#wakeWaiting(job)
  }

  #wakeWaiting(job: string): void {
    for (const wake of this.#waiting.get(job) ?? []) wake()
  }

  // Our own rings woke this process when they were rung.
  #heardSelf(message: Message): void {
    if (message.echo === undefined || message.echo !== this.#echo) return
    this.#echo = undefined
    if (this.#saidDead) this.#logger.info('queue: notifications arrive again')
    this.#saidDead = false
    this.#live = true
    this.#after(ECHO_EVERY_MS, () => this.#prove())
  }

  // Rings may have been missed while there was no connection.
  #connected(): void {
    this.#wakeAll()
    this.#prove()
  }

  #suspect(): void {
    if (!this.#live) return
    this.#live = false
    this.#wakeAll()
    this.#after(ECHO_TIMEOUT_MS, () => this.#prove())
  }

  #prove(): void {
    if (this.#closed) return
    this.#echo = randomUUID()
    this.#after(ECHO_TIMEOUT_MS, () => this.#unproved('no notification of our own came back within 1 s'))
    this.#send({ from: this.#self, queues: [], echo: this.#echo }).catch((error: unknown) =>
      this.#logger.debug(`queue: could not send the echo: ${reasonOf(error)}`),
    )
  }

  #unproved(why: string): void {
    this.#live = false
    this.#sayDead(why)
    this.#wakeAll()
    this.#after(RELISTEN_MS, () => this.#prove())
  }

  #sayDead(why: string): void {
    if (this.#saidDead || this.#closed) return
    this.#saidDead = true
    this.#logger.warn(`queue: LISTEN does not work (${why}); polling every 0.5 s until it does`)
  }

  #wakeAll(): void {
    for (const wakers of this.#wakers.values()) for (const wake of wakers) wake(0)
    for (const waiting of this.#waiting.values()) for (const wake of waiting) wake()
  }

  // The bell waits for one thing at a time.
  #after(ms: number, next: () => void): void {
    clearTimeout(this.#timer)
    if (!this.#closed) this.#timer = setTimeout(next, ms).unref()
  }
}

interface Message {
  readonly from: string
  readonly queues: readonly (readonly [queue: string, delayMs: number])[]
  /** pg-boss's ids of jobs. */
  readonly ended?: readonly string[]
  readonly echo?: string
}

function parseMessage(payload: string): Message | undefined {
  try {
    const message: Partial<Message> | null = JSON.parse(payload)
    if (typeof message?.from !== 'string' || !Array.isArray(message.queues)) return undefined
    const queues = message.queues.filter((ring) => typeof ring?.[0] === 'string' && Number.isFinite(ring[1]))
    const { from, echo } = message
    const ended = Array.isArray(message.ended) ? message.ended.map(String) : []
    return typeof echo === 'string' ? { from, queues, ended, echo } : { from, queues, ended }
  } catch {
    return undefined // not ours: the caller says so
  }
}

function chunk(rings: readonly Ring[]): Ring[][] {
  const chunks: Ring[][] = []
  let size = Infinity
  for (const ring of rings) {
    const length = ('ended' in ring ? ring.ended : ring.queue).length + 24
    if (size + length > MAX_PAYLOAD) {
      chunks.push([])
      size = 0
    }
    size += length
    chunks.at(-1)?.push(ring)
  }
  return chunks
}
