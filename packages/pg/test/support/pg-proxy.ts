import net from 'node:net'
import { once } from 'node:events'
import { Link, type Fault, type Wire } from './pg-link.ts'

/**
 * Stands between a store and its server on a port of its own: reads along what statements travel, and takes answers away.
 *
 * @example
 * const proxy = await openProxy(databaseUrl())
 * const ports = openPgStore(proxy.url, schema, options)
 * const dropped = proxy.dropAnswer((text) => text.includes('settled'))
 */
export class PgProxy {
  readonly url: string
  /** The texts of the statements executed so far, in their order. */
  readonly executed: string[] = []
  /** Statements that the server was asked to prepare. */
  parsed = 0
  /** Those of them that were given a name, to be used again. */
  named = 0
  /** How often a client waited for the server: a Sync, a Flush or a simple query. */
  roundTrips = 0
  /** Let no notification through, as a pooler in transaction mode does. */
  deaf = false
  /** Accept connections and hang up at once. */
  refusing = false
  /** Accept connections, read what they say, and never answer. */
  swallowing = false
  /** Greet every connection with this error, as a server does that lets nobody in. */
  fatal: { readonly code: string; readonly message: string } | undefined
  /** How often it has hung up at once. */
  refused = 0
  readonly #server: net.Server
  readonly #links = new Set<Link>()
  readonly #faults = new Set<Fault>()
  readonly #swallowed = new Set<net.Socket>()
  #opened = 0

  constructor(server: net.Server, target: URL) {
    this.#server = server
    const url = new URL(target)
    url.hostname = '127.0.0.1'
    url.port = String((server.address() as net.AddressInfo).port)
    this.url = url.href
    const wire: Wire = {
      isDeaf: () => this.deaf,
      onParse: (name) => {
        this.parsed += 1
        if (name !== '') this.named += 1
      },
      onRoundTrip: () => (this.roundTrips += 1),
      onExecute: (text) => {
        this.executed.push(text)
        return this.#takeFault(text)
      },
      onClose: (link) => this.#links.delete(link),
    }
    server.on('connection', (socket) => {
      if (this.refusing) {
        this.refused += 1
        // Whoever is hung up on may do the same.
        return void socket
          .on('error', () => undefined)
          .resume()
          .end()
      }
      if (this.fatal) return refuse(socket, this.fatal)
      if (this.swallowing) {
        this.#swallowed.add(socket)
        return void socket
          .on('error', () => undefined)
          .on('close', () => this.#swallowed.delete(socket))
          .resume()
      }
      this.#opened += 1
      this.#links.add(new Link({ client: socket, host: target.hostname, port: Number(target.port || 5432) }, wire))
    })
  }

  /** Connections that are open and never answered. */
  get swallowed(): number {
    return this.#swallowed.size
  }

  /** Connections made in all. */
  get opened(): number {
    return this.#opened
  }

  forget(): void {
    this.executed.length = 0
    this.parsed = 0
    this.named = 0
    this.roundTrips = 0
  }

  /** Cut the connection once the server has applied the next statement like this, before a byte of its answer is out. */
  dropAnswer(matches: (text: string) => boolean): Promise<void> {
    return this.#fault('drop', matches)
  }

  /** Let the server apply the next statement like this, and never say a word again on its connection. */
  withholdAnswer(matches: (text: string) => boolean): Promise<void> {
    return this.#fault('withhold', matches)
  }

  /** Cut every connection. */
  cut(): void {
    for (const link of this.#links) link.cut()
    for (const socket of this.#swallowed) socket.destroy()
    this.#swallowed.clear()
  }

  /** Let nothing through any more on the connections there are, in either direction, as after a cable was cut. */
  freeze(): void {
    for (const link of this.#links) link.freeze()
  }

  /** Be gone: connections are cut, and new ones refused. */
  async close(): Promise<void> {
    this.cut()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Be back, after `close()`. */
  async reopen(): Promise<void> {
    this.#server.listen(Number(new URL(this.url).port), '127.0.0.1')
    await once(this.#server, 'listening')
  }

  #fault(kind: Fault['kind'], matches: (text: string) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#faults.add({ kind, matches, happened: resolve })
    return promise
  }

  #takeFault(text: string): Fault | undefined {
    const fault = [...this.#faults].find(({ matches }) => matches(text))
    if (fault) this.#faults.delete(fault)
    return fault
  }
}

function refuse(socket: net.Socket, { code, message }: { code: string; message: string }): void {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(fields.length + 4, 1)
  // Whoever is refused may hang up first.
  socket.on('error', () => undefined).once('data', () => socket.end(Buffer.concat([head, fields])))
}

export async function openProxy(target: string): Promise<PgProxy> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new PgProxy(server, new URL(target))
}
