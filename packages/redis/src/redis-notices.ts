import { randomUUID } from 'node:crypto'
import type { NoticeKind, NoticeListener, RunId, RunNotices } from '@pikku/core/contract'
import type { Link } from './link.ts'
import { forbidden, isForbidden } from './retryable.ts'
import { Subscriber } from './subscriber.ts'

/** So many runs travel in one message at most. */
const runsAtOnce = 200
/** A first listener waits so long (ms) for the subscription: without it everybody looks by himself, and it is tried again. */
const firstMs = 1000

/** Word between processes by PUBLISH and SUBSCRIBE, one channel per prefix. */
export class RedisNotices implements RunNotices {
  readonly #link: Link
  readonly #channel: string
  readonly #sender = randomUUID()
  readonly #listeners = new Set<NoticeListener>()
  #subscriber: Subscriber | undefined
  #hasWarned = false
  #started: Promise<void> | undefined
  #pending = new Map<RunId, NoticeKind>()
  #published: Promise<void> | undefined

  constructor(link: Link) {
    this.#link = link
    this.#channel = `${link.prefix}:notices`
  }

  get live(): boolean {
    return this.#subscriber?.isUp ?? false
  }

  publish(runIds: readonly RunId[], kind: NoticeKind = 'changed'): Promise<void> {
    for (const runId of runIds) {
      if (this.#pending.get(runId) !== 'changed') this.#pending.set(runId, kind)
      for (const listener of [...this.#listeners]) listener.onChanged(runId, kind)
    }
    if (this.#pending.size === 0) return Promise.resolve()
    // What is told in one turn of the event loop travels together.
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
      close: () => {
        this.#listeners.delete(own)
        if (this.#listeners.size === 0) this.close()
        return Promise.resolve()
      },
    }
  }

  close(): void {
    this.#subscriber?.close()
    this.#subscriber = undefined
    this.#started = undefined
  }

  async #flush(): Promise<void> {
    const pending = Map.groupBy(this.#pending.keys(), (runId) => this.#pending.get(runId) ?? 'changed')
    this.#pending = new Map()
    this.#published = undefined
    for (const [kind, runIds] of pending) {
      for (let at = 0; at < runIds.length; at += runsAtOnce) {
        const runs = runIds.slice(at, at + runsAtOnce)
        await this.#link.publish(this.#channel, JSON.stringify({ from: this.#sender, kind, runs }))
      }
    }
  }

  /** Never rejects: without it everybody looks by himself, and it is tried again. */
  async #start(): Promise<void> {
    const subscriber = new Subscriber(this.#link.client, {
      onMessage: (_channel, message) => this.#onMessage(message),
      onUp: () => this.#tellMissed(),
      onDown: (error) => this.#sayFailed(error),
    })
    this.#subscriber = subscriber
    try {
      await subscriber.subscribe(this.#channel, performance.now() + firstMs)
    } catch (error) {
      this.#sayFailed(error)
    }
  }

  #sayFailed(error: unknown): void {
    if (isForbidden(error) && !this.#hasWarned) {
      this.#hasWarned = true
      const how = 'nothing is heard from other processes, and everybody polls'
      this.#link.options.logger.warn(`${forbidden('subscribe', this.#link.target, error).message}: ${how}`)
    }
    this.#link.options.logger.debug(`SUBSCRIBE at ${this.#link.target} failed; it is tried again`, error)
  }

  #tellMissed(): void {
    for (const listener of [...this.#listeners]) listener.onMissed()
  }

  #onMessage(message: string): void {
    const notice = noticeOf(message)
    // Whatever it says: look at everything.
    if (!notice) return this.#tellMissed()
    if (notice.from === this.#sender) return
    const kind = notice.kind === 'progress' ? notice.kind : 'changed'
    for (const runId of notice.runs) for (const listener of [...this.#listeners]) listener.onChanged(runId, kind)
  }
}

interface Notice {
  readonly from: string
  /** One that is not known is of another version, and may be anything. */
  readonly kind?: unknown
  readonly runs: readonly RunId[]
}

/** Null: not of our making. Anybody may publish on the channel, and nobody's process is to end for it. */
function noticeOf(message: string): Notice | null {
  try {
    const found: unknown = JSON.parse(message)
    return isNotice(found) ? found : null
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return null
  }
}

function isNotice(found: unknown): found is Notice {
  return typeof found === 'object' && found !== null && 'from' in found && 'runs' in found && Array.isArray(found.runs)
}
