import type { NoticeKind, NoticeListener, RunId, RunNotices } from '@pikku/core/contract'
import { whenUnheardFor } from './awake-timer.ts'
import type { Database } from './database.ts'
import type { Pool } from './driver.ts'
import { codeOf } from './retryable.ts'
import { publish } from './sql/publish.ts'

/** PostgreSQL takes 8,000 bytes a notification. */
const maxPayloadBytes = 7500
const echoMs = 1000
const echoEveryMs = 30_000
const reconnectMs = 250

/**
 * Word between processes by LISTEN and NOTIFY, one channel per schema. Believed to work only once an echo of our own came
 * back, for behind a pooler nothing comes.
 */
export class PgNotices implements RunNotices {
  readonly #db: Database
  readonly #instance = `${process.pid}.${Math.random().toString(36).slice(2)}`
  readonly #listeners = new Set<NoticeListener>()
  readonly #send: (payloads: readonly string[]) => Promise<unknown>
  #pool: Pool | undefined
  #pending = new Map<RunId, NoticeKind>()
  #published: Promise<void> | undefined
  #live = false
  #hasWarned = false
  #started: Promise<void> | undefined
  #echo: ((nonce: string) => void) | undefined
  #timer: NodeJS.Timeout | undefined
  /** Counts the connections and the tries to listen on them: what an older one finds out is of no interest. */
  #tries = 0

  constructor(db: Database) {
    this.#db = db
    this.#send = db.single('publish', (payloads) =>
      db.query('hot', publish, [db.schema.channel, JSON.stringify(payloads)]),
    )
  }

  get live(): boolean {
    return this.#live
  }

  publish(runIds: readonly RunId[], kind: NoticeKind = 'changed'): Promise<void> {
    for (const runId of runIds) {
      if (this.#pending.get(runId) !== 'changed') this.#pending.set(runId, kind)
      for (const listener of [...this.#listeners]) listener.onChanged(runId, kind)
    }
    if (this.#pending.size === 0) return Promise.resolve()
    this.#published ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#flush())
    return this.#published
  }

  async subscribe(listener: NoticeListener): Promise<{ close(): Promise<void> }> {
    // One subscription, one entry, even when the same listener subscribes twice.
    const own: NoticeListener = {
      onChanged: (runId, kind) => listener.onChanged(runId, kind),
      onMissed: () => listener.onMissed(),
    }
    this.#listeners.add(own)
    this.#started ??= this.#start()
    await this.#started
    return {
      close: async () => {
        this.#listeners.delete(own)
        if (this.#listeners.size === 0) await this.close()
      },
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    const pool = this.#pool
    this.#pool = undefined
    this.#started = undefined
    this.#live = false
    await pool?.close()
  }

  async #flush(): Promise<void> {
    const pending = Map.groupBy(this.#pending.keys(), (runId) => this.#pending.get(runId) ?? 'changed')
    this.#pending = new Map()
    this.#published = undefined
    await this.#send([...pending].flatMap(([kind, runIds]) => payloadsOf({ from: this.#instance, kind }, runIds)))
  }

  async #start(): Promise<void> {
    const pool = this.#db.driver.pool({
      max: 1,
      onNotify: (_channel, payload) => this.#onNotify(payload),
      onClose: () => this.#onClose(pool),
    })
    this.#pool = pool
    await this.#listen(pool)
  }

  /** Never rejects: without it everybody polls, and it is tried again. */
  async #listen(pool: Pool): Promise<void> {
    this.#tries += 1
    const tries = this.#tries
    const [live, error] = await this.#hears(pool)
    if (this.#pool !== pool || this.#tries !== tries) return
    this.#setLive(live, error)
    clearTimeout(this.#timer)
    // The store is closed.
    if (codeOf(error) === 'CONNECTION_ENDED') return
    // Behind a pooler it works and hears nothing: looking again soon is of no use there.
    const isSettled = error === undefined && (live || this.#hasWarned)
    this.#timer = setTimeout(() => void this.#listen(pool), isSettled ? echoEveryMs : reconnectMs).unref()
  }

  async #hears(pool: Pool): Promise<readonly [live: boolean, error?: unknown]> {
    try {
      await this.#db.ready()
      await pool.query({ name: 'listen', text: `listen ${this.#db.schema.channel}` }, [])
      return [await this.#hearsItself()]
    } catch (error) {
      return [false, error]
    }
  }

  async #hearsItself(): Promise<boolean> {
    const nonce = `${Math.random()}`
    const heard = Promise.withResolvers<boolean>()
    this.#echo = (payload) => {
      if (payload === nonce) heard.resolve(true)
    }
    await this.#send([JSON.stringify({ from: this.#instance, echo: nonce })])
    const stop = whenUnheardFor(echoMs, () => heard.resolve(false))
    return heard.promise.finally(stop)
  }

  #setLive(live: boolean, error?: unknown): void {
    const { logger } = this.#db.options
    const was = this.#live
    this.#live = live
    if (live && !was) for (const listener of [...this.#listeners]) listener.onMissed()
    if (live || error !== undefined) {
      if (error !== undefined) logger.debug(`LISTEN at ${this.#db.driver.target} failed; it is tried again`, error)
      return
    }
    if (this.#hasWarned) return
    this.#hasWarned = true
    logger.warn(
      `LISTEN at ${this.#db.driver.target} hears nothing, a pooler in transaction mode seems to stand before it: polling instead`,
    )
  }

  #onClose(pool: Pool): void {
    if (this.#pool !== pool) return
    this.#tries += 1
    this.#live = false
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#listen(pool), 10).unref()
  }

  #onNotify(payload: string): void {
    const notice = noticeOf(payload)
    if (!notice) {
      // Anybody may notify on any channel: what cannot be read may have been meant for somebody here.
      for (const listener of [...this.#listeners]) listener.onMissed()
      return
    }
    const { from, runs, kind, echo } = notice
    if (from === this.#instance) {
      if (echo !== undefined) this.#echo?.(echo)
      return
    }
    for (const runId of runs) for (const listener of [...this.#listeners]) listener.onChanged(runId, kind)
  }
}

interface Notice {
  readonly from: unknown
  readonly runs: readonly RunId[]
  readonly kind: NoticeKind
  readonly echo?: string
}

/** Null: not one of ours. */
function noticeOf(payload: string): Notice | null {
  let told: unknown
  try {
    told = JSON.parse(payload)
  } catch {
    return null
  }
  if (typeof told !== 'object' || told === null) return null
  const { from, runs = [], kind, echo } = told as Partial<Record<string, unknown>>
  if (!Array.isArray(runs) || !runs.every((runId) => typeof runId === 'string')) return null
  const isProgress = kind === 'progress'
  return { from, runs, kind: isProgress ? kind : 'changed', ...(typeof echo === 'string' ? { echo } : {}) }
}

function payloadsOf(head: { from: string; kind: NoticeKind }, runIds: readonly RunId[]): string[] {
  const payloads: string[] = []
  let runs: RunId[] = []
  let bytes = 0
  for (const runId of runIds) {
    const size = Buffer.byteLength(JSON.stringify(runId)) + 1
    if (bytes + size > maxPayloadBytes) {
      payloads.push(JSON.stringify({ ...head, runs }))
      runs = []
      bytes = 0
    }
    runs.push(runId)
    bytes += size
  }
  return [...payloads, JSON.stringify({ ...head, runs })]
}
