import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Stands in for a mail provider: it delivers once for each idempotency key, however often it is asked. */
export class MailProvider {
  readonly #server: Server
  readonly #onRequest: (nth: number) => Promise<'answer' | 'silence'>
  readonly #delivered = new Set<string>()
  #requests = 0

  /** `onRequest` decides whether the n-th request is answered. Either way its mail is delivered. */
  constructor(onRequest: (nth: number) => Promise<'answer' | 'silence'>) {
    this.#onRequest = onRequest
    this.#server = createServer((request, response) => {
      this.#requests += 1
      this.#delivered.add(String(request.headers['idempotency-key']))
      request.resume()
      void this.#onRequest(this.#requests).then((answer) => {
        if (answer === 'answer') response.writeHead(202).end()
      })
    })
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get counts(): { requests: number; delivered: number } {
    return { requests: this.#requests, delivered: this.#delivered.size }
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
