import { Player } from './player.ts'
import { initAbsurd } from './peers.ts'
import type { Place, Role } from './programs/protocol.ts'
import { startPostgresServer, type PostgresServer } from './servers/postgres-server.ts'
import { startRedisServer, type RedisServer } from './servers/redis-server.ts'
import { startRestateServer, type RestateServer } from './servers/restate-server.ts'
import type { Store, System } from './systems.ts'

/** The servers of one run of the benchmarks, started once and used by everybody in turn. */
export class Stage {
  readonly #pg: PostgresServer | null
  readonly #redis: RedisServer | null
  readonly #databases = new Map<string, string>()
  #restate: RestateServer | null = null
  #count = 0

  private constructor(pg: PostgresServer | null, redis: RedisServer | null) {
    this.#pg = pg
    this.#redis = redis
  }

  static async open(stores: readonly Store[]): Promise<Stage> {
    const pg = stores.includes('pg') ? await startPostgresServer() : null
    const redis = stores.includes('redis') ? await startRedisServer() : null
    return new Stage(pg, redis)
  }

  get pg(): PostgresServer {
    if (!this.#pg) throw new Error('there is no PostgreSQL in this run')
    return this.#pg
  }

  get redis(): RedisServer {
    if (!this.#redis) throw new Error('there is no Redis in this run')
    return this.#redis
  }

  get versions(): { postgres?: string; postgresSettings?: Readonly<Record<string, string>>; redis?: string } {
    return {
      ...(this.#pg ? { postgres: this.#pg.version, postgresSettings: this.#pg.settings } : {}),
      ...(this.#redis ? { redis: this.#redis.version } : {}),
    }
  }

  /** One system's turn: what it starts in `act` is gone when this settles. */
  async turn<T>(system: System, act: (turn: Turn) => Promise<T>): Promise<T> {
    if (system.name === 'restate') this.#restate = await startRestateServer()
    const turn = new Turn({ system, stage: this, ...(await this.#placeOf(system)) })
    try {
      await this.#pg?.checkpoint()
      return await act(turn)
    } finally {
      await turn.end()
      await this.#restate?.stop()
      this.#restate = null
    }
  }

  /** What the workload wrote goes; the next one begins with nothing. */
  async clear(): Promise<void> {
    for (const name of this.#databases.values()) await this.#pg?.dropDatabase(name)
    this.#databases.clear()
    await this.#redis?.clear()
  }

  async close(): Promise<void> {
    await this.#pg?.stop()
    await this.#redis?.stop()
  }

  async #placeOf(system: System): Promise<{ place: Place; database: string }> {
    const { name, store } = system
    if (this.#restate) return { place: { store, url: '', restate: this.#restate.place }, database: '' }
    // Two of ours in one Redis would stand in each other's way; floor and ours use other keys, one after the other.
    if (store === 'redis') return { place: { store, url: this.redis.url }, database: '' }
    const known = this.#databases.get(name)
    const database = known ?? `bench_${name}_${++this.#count}`
    if (known === undefined) {
      const url = await this.pg.createDatabase(database)
      this.#databases.set(name, database)
      if (name === 'absurd') await initAbsurd(url, (text) => this.pg.run(database, text))
    }
    return { place: { store, url: this.pg.urlOf(database) }, database }
  }
}

interface TurnParts {
  readonly system: System
  readonly stage: Stage
  readonly place: Place
  readonly database: string
}

/** What a workload has while it is one system's turn. */
export class Turn {
  readonly system: System
  readonly stage: Stage
  readonly place: Place
  /** Its database on PostgreSQL; empty where it has none. */
  readonly database: string
  readonly #players: Player[] = []

  constructor({ system, stage, place, database }: TurnParts) {
    this.system = system
    this.stage = stage
    this.place = place
    this.database = database
  }

  get players(): readonly Player[] {
    return this.#players
  }

  /** A process of the system, open and ready. `url`: another way to its server. */
  async start(role: Role, url = this.place.url): Promise<Player> {
    const player = await Player.start(this.system.program, { place: { ...this.place, url }, role })
    this.#players.push(player)
    return player
  }

  /** One process that executes and one that starts runs; returns the latter. Raw writes need one process. */
  async startPair(): Promise<Player> {
    if (this.system.name !== 'floor') await this.start('worker')
    return this.start('client')
  }

  /** How many of so many runs it is given at once. */
  atOnce(runs: number): number {
    return Math.min(runs, this.system.atOnce)
  }

  async end(): Promise<void> {
    // One after the other: a client that closes may still need its worker.
    for (const player of this.#players.toReversed()) await player.stop()
  }
}
