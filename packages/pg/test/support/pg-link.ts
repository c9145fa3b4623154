import net from 'node:net'

export interface Fault {
  readonly kind: 'drop' | 'withhold'
  matches(text: string): boolean
  happened(): void
}

/** What a connection tells of itself, and asks. */
export interface Wire {
  /** True: notifications do not get through, as behind a pooler. */
  isDeaf(): boolean
  onParse(name: string): void
  onRoundTrip(): void
  onExecute(text: string): Fault | undefined
  onClose(link: Link): void
}

/** Cuts a stream of PostgreSQL messages: a type, a length that counts itself, a body. */
class Messages {
  #rest: Buffer = Buffer.alloc(0)
  /** The first message of a client has no type. */
  #isStart: boolean

  constructor(isClient: boolean) {
    this.#isStart = isClient
  }

  *take(chunk: Buffer): Generator<{ type: string; body: Buffer; whole: Buffer }> {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const head = this.#isStart ? 0 : 1
      if (this.#rest.length < head + 4) return
      const end = head + this.#rest.readInt32BE(head)
      if (this.#rest.length < end) return
      const type = head === 0 ? 'startup' : String.fromCharCode(this.#rest[0] ?? 0)
      const whole = this.#rest.subarray(0, end)
      this.#rest = this.#rest.subarray(end)
      this.#isStart = false
      yield { type, body: whole.subarray(head + 4), whole }
    }
  }
}

function texts(body: Buffer, count: number): string[] {
  return body.toString('utf8').split('\0', count)
}

/** One connection through the proxy. */
export class Link {
  readonly #client: net.Socket
  readonly #server: net.Socket
  readonly #wire: Wire
  readonly #asked = new Messages(true)
  readonly #answered = new Messages(false)
  readonly #statements = new Map<string, string>()
  readonly #portals = new Map<string, string>()
  #fault: Fault | undefined
  /** Answers that end with ReadyForQuery: the greeting is the first. */
  #expected = 1
  #ready = 0
  /** After so many of them the fault has happened. */
  #until = Number.POSITIVE_INFINITY

  constructor(between: { client: net.Socket; host: string; port: number }, wire: Wire) {
    this.#client = between.client
    this.#server = net.connect(between.port, between.host)
    this.#wire = wire
    this.#client.setNoDelay(true)
    this.#server.setNoDelay(true)
    this.#client.on('data', (chunk) => this.#onAsked(chunk))
    this.#server.on('data', (chunk) => this.#onAnswered(chunk))
    for (const socket of [this.#client, this.#server]) {
      // Either end may break off at any moment: the other one is told by the close that follows.
      socket.on('error', () => undefined)
      socket.on('close', () => this.cut())
    }
  }

  freeze(): void {
    this.#client.pause()
    this.#server.pause()
  }

  cut(): void {
    this.#client.destroy()
    this.#server.destroy()
    this.#wire.onClose(this)
  }

  #onAsked(chunk: Buffer): void {
    for (const { type, body } of this.#asked.take(chunk)) this.#note(type, body)
    this.#server.write(chunk)
  }

  #note(type: string, body: Buffer): void {
    if (type === 'P') {
      const [name = '', text = ''] = texts(body, 2)
      this.#statements.set(name, text)
      this.#wire.onParse(name)
    } else if (type === 'B') {
      const [portal = '', name = ''] = texts(body, 2)
      this.#portals.set(portal, this.#statements.get(name) ?? `unknown statement ${name}`)
    } else if (type === 'E') {
      this.#execute(this.#portals.get(texts(body, 1)[0] ?? '') ?? 'unknown portal')
    } else if (type === 'Q') {
      this.#execute(texts(body, 1)[0] ?? '')
      this.#sync()
    } else if (type === 'S') this.#sync()
    else if (type === 'H') this.#wire.onRoundTrip()
  }

  #execute(text: string): void {
    this.#fault ??= this.#wire.onExecute(text)
  }

  #sync(): void {
    this.#wire.onRoundTrip()
    this.#expected += 1
    if (this.#fault) this.#until = Math.min(this.#until, this.#expected)
  }

  #onAnswered(chunk: Buffer): void {
    for (const { type, whole } of this.#answered.take(chunk)) {
      if (type === 'Z') this.#ready += 1
      if (!this.#fault && !(type === 'A' && this.#wire.isDeaf())) this.#client.write(whole)
    }
    if (this.#fault && this.#ready >= this.#until) this.#faultHappened(this.#fault)
  }

  #faultHappened(fault: Fault): void {
    this.#until = Number.POSITIVE_INFINITY
    if (fault.kind === 'drop') this.cut()
    fault.happened()
  }
}
