// Without a word from pg-boss's own declarations: those need @types/pg, and a compiler told to skip libraries.

/** Where to connect and how: pg-boss's `ConstructorOptions`, of which these are the usual ones. */
export interface BossOptions {
  readonly connectionString?: string
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly user?: string
  readonly password?: string | (() => string | Promise<string>)
  readonly ssl?: unknown
  /** Connections at most. Default 6. */
  readonly max?: number
  /** Default `pgboss`. */
  readonly schema?: string
}

/** A `PgBoss` of the application, by its shape. */
export interface OwnBoss {
  start(): Promise<unknown>
  stop(): Promise<unknown>
  getDb(): object
}

/** A URL, pg-boss's own options, or a `PgBoss` of the application. */
export type BossSource = string | BossOptions | Readonly<Record<string, unknown>> | OwnBoss
