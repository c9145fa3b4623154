import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Lease, Logger, Renewed, RunId } from '@pikku/core/contract'
import type { Database } from './database.ts'
import type { Row } from './driver.ts'
import { closedError } from './pool.ts'
import { RenewalSession } from './renewal-session.ts'
import type { Enlisting, Renewing } from './renewal-session.ts'
import type { Asked, ThreadData, Told } from './renewal-thread.ts'

interface Session {
  enlist(given: Enlisting): Promise<boolean>
  renew(given: Renewing): Promise<readonly Row[]>
  close(): Promise<void>
}

/** Renewal of leases and the telling of life, in a thread of its own where that is possible. */
export class Renewal {
  readonly #db: Database
  readonly #renew: (given: Renewing) => Promise<readonly Row[]>
  readonly #enlist: (owner: string) => Promise<boolean>
  readonly #owners = new Set<string>()
  #session: Session | undefined
  #noticesDeath = true
  #isClosed = false

  constructor(db: Database) {
    this.#db = db
    this.#renew = db.single('renewLeases', async (given) => (await this.#open()).renew(given))
    this.#enlist = db.single('enlist', async (owner) => (await this.#open()).enlist({ owner, offsetMs: db.offsetMs }))
  }

  /** False once a pooler was found between us and the server. */
  get noticesDeath(): boolean {
    return this.#noticesDeath
  }

  async enlist(owner: string): Promise<void> {
    this.#noticesDeath = await this.#enlist(owner)
    if (this.#noticesDeath) {
      this.#owners.add(owner)
      return
    }
    this.#db.driver.onPooler()
    const { logger, leaseMs } = this.#db.options
    logger.warn(
      `no session of our own at ${this.#db.driver.target}, a pooler in transaction mode seems to stand before it: a killed process is noticed when its leases end (${leaseMs} ms), not at once`,
    )
  }

  async renew(leases: readonly Lease[], leaseMs: number): Promise<Renewed> {
    const calls = leases.map(({ runId, step, claimId, epoch }, i) => ({ i, runId, claimId, epoch, ...step }))
    const rows = await this.#renew({ calls: JSON.stringify(calls), leaseMs, offsetMs: this.#db.offsetMs })
    const lost: Lease[] = []
    const busy: Lease[] = []
    const woken: RunId[] = []
    for (const row of rows) {
      const lease = leases[row['i'] as number]
      if (!lease) continue
      if (row['verdict'] === 'lost') lost.push(lease)
      else if (row['verdict'] === 'busy') busy.push(lease)
      else woken.push(lease.runId)
    }
    return { lost, busy, woken }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#session?.close()
  }

  async #open(): Promise<Session> {
    await this.#db.ready()
    // A session that is opened now nobody would close.
    if (this.#isClosed) throw closedError()
    this.#session ??= startThread(this.#db, (error) => this.#goOnWithout(error)) ?? mainSession(this.#db)
    return this.#session
  }

  /** The thread ended by itself, or its file is not where this one is (a bundle): the main thread takes over. */
  #goOnWithout(error: Error): void {
    const { logger } = this.#db.options
    logger.warn('leases are renewed by the main thread: the thread for it has ended', error)
    const session = mainSession(this.#db)
    this.#session = session
    for (const owner of this.#owners) {
      session.enlist({ owner, offsetMs: this.#db.offsetMs }).catch((failed: unknown) => {
        logger.warn(`${owner} is not known as alive: a death of this process is told by its leases alone`, failed)
      })
    }
  }
}

function mainSession({ driver, schema, options }: Database): Session {
  return new RenewalSession({ driver, schema, leaseMs: options.leaseMs })
}

/** Null when the options of the connection hold something that another thread cannot be given, like a function. */
function startThread(db: Database, onEnd: (error: Error) => void): Session | null {
  const { driver, schema, options } = db
  const extension = extname(import.meta.url)
  const { prepare, answerTimeoutMs, base } = driver
  const workerData: ThreadData = { base, schema: schema.name, prepare, leaseMs: options.leaseMs, answerTimeoutMs }
  try {
    // From source, the packages of this repo are found by their sources too.
    const execArgv = extension === '.ts' ? ['--conditions=pikku-source'] : []
    const worker = new Worker(new URL(`./renewal-thread${extension}`, import.meta.url), { workerData, execArgv })
    return new ThreadSession(worker, db.options.logger, onEnd)
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'DataCloneError')) throw error
    options.logger.warn(
      'leases are renewed by the main thread: the connection options cannot be handed to another',
      error,
    )
    return null
  }
}

interface Waiting {
  resolve(answer: unknown): void
  reject(error: unknown): void
}

class ThreadSession implements Session {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #ids = 0
  readonly #tellEnd: (error: Error) => void
  #ended: Error | undefined
  #closing: Promise<void> | undefined

  constructor(worker: Worker, logger: Logger, onEnd: (error: Error) => void) {
    this.#worker = worker
    this.#tellEnd = onEnd
    worker.unref()
    worker.on('message', (told: Told) => {
      if (told.kind === 'ping') this.#tell({ kind: 'alive', id: 0 })
      else if (told.kind === 'log') logger[told.level](told.message)
      else this.#onAnswer(told)
    })
    worker.on('error', (error) => this.#onEnd(error))
    worker.on('exit', () => this.#onEnd(new Error('the thread that renews leases has ended')))
  }

  async enlist(given: Enlisting): Promise<boolean> {
    return (await this.#ask('enlist', given)) === true
  }

  async renew(given: Renewing): Promise<readonly Row[]> {
    return (await this.#ask('renew', given)) as readonly Row[]
  }

  /** Twice at once is once: the thread that ends answers nobody any more. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#ended) return
    await this.#ask('close').catch((error: unknown) => {
      // One that ends before it answers is closed, too.
      if (!this.#ended) throw error
    })
    await this.#worker.terminate()
  }

  #ask(kind: 'enlist' | 'renew' | 'close', given?: Enlisting | Renewing): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended)
    this.#ids += 1
    const id = this.#ids
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      // Somebody waits for this answer: until then the thread is worth staying alive for.
      this.#worker.ref()
      this.#tell({ kind, id, given } as Asked)
    })
  }

  #tell(asked: Asked): void {
    this.#worker.postMessage(asked)
  }

  #onAnswer(told: Extract<Told, { kind: 'answer' | 'error' }>): void {
    const waiting = this.#waiting.get(told.id)
    this.#waiting.delete(told.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if (told.kind === 'answer') waiting?.resolve(told.answer)
    else waiting?.reject(Object.assign(new Error(told.message), { code: told.code }))
  }

  #onEnd(error: Error): void {
    if (this.#ended) return
    // Whoever waits for an answer asks again, of the one that takes over.
    this.#ended = Object.assign(error, { code: this.#closing ? 'CONNECTION_ENDED' : 'CONNECTION_CLOSED' })
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended)
    this.#waiting.clear()
    if (!this.#closing) this.#tellEnd(error)
  }
}
