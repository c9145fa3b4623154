import { aliveChannel } from './connection.ts'
import type { Link } from './link.ts'
import { Subscriber } from './subscriber.ts'

/** The connection by which the server knows that this process lives, and the renewal of its leases. */
export class RenewalSession {
  readonly #link: Link
  readonly #subscriber: Subscriber
  readonly #owners = new Set<string>()

  constructor(link: Link) {
    this.#link = link
    this.#subscriber = new Subscriber(link.client)
  }

  async enlist(owner: string): Promise<void> {
    await this.#link.ready()
    this.#owners.add(owner)
    const channel = aliveChannel(this.#link.prefix, owner)
    await this.#link.insist('enlist', (deadline) => this.#subscriber.subscribe(channel, deadline))
  }

  /** Every lease of this process, also one that it has only just been given. */
  async renewOwned(leaseMs: number): Promise<void> {
    const calls = [...this.#owners].flatMap((owner) =>
      this.#link.buckets.map((bucket) => this.#link.call('renew-owned', bucket, [owner, leaseMs])),
    )
    await Promise.all(calls)
  }

  close(): void {
    this.#subscriber.close()
  }
}
