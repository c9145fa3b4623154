import { once } from 'node:events'
import net from 'node:net'

/** What is wrong with the way. `deaf`: what is asked arrives, what is answered does not. `severed`: one end is not told. */
export type Trouble = 'none' | 'refused' | 'deaf' | 'severed' | { readonly delayMs: number }

interface Pair {
  readonly client: net.Socket
  readonly server: net.Socket
}

/** The way of one process to the server, which can be disturbed. */
export class Link {
  readonly #serverPort: number
  readonly #listener: net.Server
  readonly #pairs = new Set<Pair>()
  #trouble: Trouble = 'none'

  static async open(serverPort: number): Promise<Link> {
    const link = new Link(serverPort)
    link.#listener.listen(0, '127.0.0.1')
    await once(link.#listener, 'listening')
    return link
  }

  private constructor(serverPort: number) {
    this.#serverPort = serverPort
    this.#listener = net.createServer((client) => this.#accept(client))
  }

  get port(): number {
    return (this.#listener.address() as net.AddressInfo).port
  }

  get isFine(): boolean {
    return this.#trouble === 'none'
  }

  /** From now on, for the connections there are and those to come. */
  disturb(trouble: Trouble): void {
    this.#trouble = trouble
    if (trouble === 'refused') this.#destroyAll()
    if (trouble === 'severed') for (const { server } of this.#pairs) server.destroy()
  }

  /** What was lost meanwhile stays lost: connections that missed something are gone. */
  mend(): void {
    if (this.#trouble === 'deaf' || this.#trouble === 'severed') this.#destroyAll()
    this.#trouble = 'none'
  }

  close(): void {
    this.#destroyAll()
    this.#listener.close()
  }

  #destroyAll(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
  }

  #accept(client: net.Socket): void {
    if (this.#trouble === 'refused') {
      client.destroy()
      return
    }
    const server = net.connect(this.#serverPort, '127.0.0.1')
    const pair = { client, server }
    this.#pairs.add(pair)
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      // Whatever ends one end ends the other.
      socket.on('error', () => {})
    }
    client.on(
      'data',
      pump(server, client, () => this.#trouble),
    )
    server.on(
      'data',
      pump(client, server, () => (this.#trouble === 'deaf' ? 'severed' : this.#trouble)),
    )
    client.on('close', () => {
      server.destroy()
      this.#pairs.delete(pair)
    })
    server.on('close', () => {
      if (this.#trouble !== 'severed') client.destroy()
    })
  }
}

/** Passes on what arrives, in its order, as late as the trouble says; while it is severed nothing arrives. */
function pump(to: net.Socket, from: net.Socket, trouble: () => Trouble): (chunk: Buffer) => void {
  const late: { readonly chunk: Buffer; readonly at: number }[] = []
  const write = (chunk: Buffer): void => {
    if (to.destroyed || to.write(chunk)) return
    from.pause()
    to.once('drain', () => from.resume())
  }
  const release = (): void => {
    for (let next = late[0]; next; next = late[0]) {
      const waitMs = next.at - performance.now()
      if (waitMs > 0) {
        setTimeout(release, waitMs)
        return
      }
      late.shift()
      write(next.chunk)
    }
  }
  return (chunk) => {
    const now = trouble()
    if (now === 'severed') return
    const delayMs = typeof now === 'object' ? now.delayMs : 0
    if (delayMs === 0 && late.length === 0) {
      write(chunk)
      return
    }
    late.push({ chunk, at: Math.max(late.at(-1)?.at ?? 0, performance.now() + delayMs) })
    if (late.length === 1) release()
  }
}
