// Without a word from pg-boss's own declarations: those need @types/pg, and a compiler told to skip libraries.

/** Where to connect and how: pg-boss's `ConstructorOptions`, of which these are the usual ones. */
export interface BossOptions {
  /** In place of host, port, database, user and password. */
  readonly connectionString?: string
  /** Default: as in `pg`, `PGHOST` or localhost. */
  readonly host?: string
  /** Default: `PGPORT` or 5432. */
  readonly port?: number
  /** Default: `PGDATABASE` or the name of the user. */
  readonly database?: string
  /** Default: `PGUSER` or the name of the account. */
  readonly user?: string
  /** Or a function that is asked for every connection. Default: `PGPASSWORD`. */
  readonly password?: string | (() => string | Promise<string>)
  /** True, or options of `node:tls`. Default: without TLS. */
  readonly ssl?: unknown
  /** Connections at most. Default 6. */
  readonly max?: number
  /** Default `pgboss`. */
  readonly schema?: string
}

/** A `PgBoss` of the application, by its shape. */
export interface OwnBoss {
  /** Called when it was not started yet. */
  start(): Promise<unknown>
  /** Never called: it is the application that stops it. */
  stop(): Promise<unknown>
  /** What statements are sent through. */
  getDb(): object
}

/** A URL, pg-boss's own options, or a `PgBoss` of the application. */
export type BossSource = string | BossOptions | Readonly<Record<string, unknown>> | OwnBoss
