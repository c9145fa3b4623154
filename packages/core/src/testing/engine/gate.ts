import type {
  Answering,
  Doorbell,
  QueueService,
  RunNotices,
  StorePorts,
  WorkflowAdmin,
  WorkflowReader,
  WorkflowStore,
} from '../../contract/index.ts'

type Call = () => Promise<unknown>

/** What a fault does with one call of a port: makes it as it is, fails it, delays it, or never answers. */
export type Fault = (name: string, call: Call) => Promise<unknown>

/**
 * Stands between one process and its ports. `die` makes every call hang for ever, those under way included, as for code
 * that is no longer there; `freeze` holds them until `thaw`. `fault` sees every call before it is made.
 */
export class Gate {
  #dead = false
  #thawed: Promise<void> = Promise.resolve()
  #thaw: (() => void) | null = null
  readonly #answering = new Set<Answering>()
  readonly #died = Promise.withResolvers<void>()
  readonly #buried = Promise.withResolvers<never>()
  fault: Fault = (_name, call) => call()

  constructor() {
    // Heard of by the calls that hang, if there are any.
    this.#buried.promise.catch(() => undefined)
  }

  get dead(): boolean {
    return this.#dead
  }

  /** Nobody is handed anything by a queue any more, nothing called is answered. */
  async die(): Promise<void> {
    this.#dead = true
    this.#died.resolve()
    this.thaw()
    await Promise.all([...this.#answering].map((answering) => answering.stop()))
  }

  /** All is over: what hangs in this dead process fails, so that what it left in memory can be stopped. */
  bury(): void {
    this.#buried.reject(new Error('this process is dead'))
  }

  freeze(): void {
    if (this.#thaw) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#thawed = promise
    this.#thaw = resolve
  }

  thaw(): void {
    this.#thaw?.()
    this.#thaw = null
  }

  ports(ports: StorePorts): StorePorts {
    const { store, reader, admin, notices } = ports
    return {
      store: {
        ...this.#gated('store', store, storeCalls),
        capabilities: store.capabilities,
        close: () => store.close(),
      },
      reader: this.#gated('reader', reader, readerCalls),
      admin: this.#gated('admin', admin, adminCalls),
      notices: this.#notices(notices),
    }
  }

  queueService(queue: QueueService): QueueService {
    return {
      add: (name, data, options) => queue.add(name, data, options),
      getJob: (name, id) => queue.getJob(name, id),
      consume: (name, options, handler) => queue.consume(name, options, handler),
      doorbell: (queues) => this.doorbell(queue.doorbell(queues)),
      init: () => queue.init(),
      close: () => queue.close(),
    }
  }

  doorbell(doorbell: Doorbell): Doorbell {
    return {
      ring: (items) => this.#through('ring', () => doorbell.ring(items)) as Promise<void>,
      answer: async (roles, handler) => {
        const answering = await doorbell.answer(roles, async (item) => {
          await this.#thawed
          // The place that a dead process occupied in its queue is free.
          if (!this.#dead) await Promise.race([handler(item), this.#died.promise])
        })
        this.#answering.add(answering)
        return answering
      },
    }
  }

  #gated<T extends object, K extends keyof T & string>(port: string, target: T, names: readonly K[]): Pick<T, K> {
    const gated = names.map((name) => {
      const call = target[name] as (...args: unknown[]) => Promise<unknown>
      const through = (...args: unknown[]): Promise<unknown> => {
        freeze(args)
        return this.#through(`${port}.${name}`, () => Reflect.apply(call, target, args) as Promise<unknown>)
      }
      return [name, through] as const
    })
    return Object.fromEntries(gated) as unknown as Pick<T, K>
  }

  async #through(name: string, call: Call): Promise<unknown> {
    if (this.#dead) return this.#buried.promise
    await this.#thawed
    try {
      const answer = await this.fault(name, call)
      await this.#thawed
      return this.#dead ? await this.#buried.promise : answer
    } catch (error) {
      if (this.#dead) return this.#buried.promise
      throw error
    }
  }

  #notices(notices: RunNotices): RunNotices {
    return {
      get live() {
        return notices.live
      },
      publish: (runIds, kind) => this.#through('notices.publish', () => notices.publish(runIds, kind)) as Promise<void>,
      subscribe: (listener) =>
        notices.subscribe({
          onChanged: (runId, kind) => this.#dead || listener.onChanged(runId, kind),
          onMissed: () => this.#dead || listener.onMissed(),
        }),
    }
  }
}

/** What was handed to a port is not touched afterwards: a store may read it a while later. */
function freeze(thing: unknown): void {
  if (typeof thing !== 'object' || thing === null || Object.isFrozen(thing)) return
  Object.freeze(thing)
  for (const part of Object.values(thing)) freeze(part)
}

const storeCalls = [
  'createRun',
  'claimRun',
  'commitRun',
  'readChanges',
  'claimStep',
  'settleStep',
  'releaseStep',
  'renewLeases',
  'signalRun',
  'cancelRun',
  'sweep',
  'enlist',
] as const satisfies readonly (keyof WorkflowStore)[]
const readerCalls = [
  'getRun',
  'listSteps',
  'listAttempts',
  'listRuns',
] as const satisfies readonly (keyof WorkflowReader)[]
const adminCalls = ['migrate', 'deleteRuns'] as const satisfies readonly (keyof WorkflowAdmin)[]
