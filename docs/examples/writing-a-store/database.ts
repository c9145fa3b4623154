import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { StoreUnavailableError, WorkflowError } from '@pikku/core/contract'
import type { Run, StepDetail, StepId } from '@pikku/core/contract'

// #region schema
const schemaVersion = 1

const schema = `
  create table if not exists runs (
    place integer primary key autoincrement, runId text not null unique, workflow text not null,
    status text not null default 'running', input text not null, inputDigest text not null,
    output text, error text, reason text, tags text not null, parent text, crashes integer not null default 0,
    createdAt integer not null, updatedAt integer not null, endedAt integer,
    revision integer not null default 0, wakeSeq integer not null default 1, readSeq integer not null default 0,
    halted text, blockedFor text not null default '[]', lastTurn text,
    epoch integer not null default 0, owner text, claimId text, leaseUntil integer,
    wantAt integer, rungAt integer, rings integer not null default 0
  ) strict;
  create index if not exists open_runs on runs (runId) where endedAt is null;
  create index if not exists children on runs (parent ->> 'runId') where parent is not null;

  create table if not exists steps (
    place integer primary key autoincrement, runId text not null references runs (runId) on delete cascade,
    name text not null, ordinal integer not null, kind text not null, status text not null default 'scheduled',
    rpcName text, input text, inputDigest text, policy text, childId text, askedAfter integer not null,
    output text, error text, reason text, attempt integer not null default 0, lost integer not null default 0,
    settledSeq integer, settledAt integer, dueAt integer, revision integer not null,
    createdAt integer not null, startedAt integer, dispatches integer not null default 0, ending text,
    epoch integer not null default 0, owner text, claimId text, leaseUntil integer,
    wantAt integer, rungAt integer, rings integer not null default 0, unique (runId, name, ordinal)
  ) strict;
  create index if not exists steps_by_revision on steps (runId, revision);
  create index if not exists open_steps on steps (runId, dueAt) where settledSeq is null;

  create table if not exists attempts (
    runId text not null references runs (runId) on delete cascade, name text not null, ordinal integer not null,
    attempt integer not null, outcome text not null, error text, worker text, startedAt integer not null,
    endedAt integer not null, revision integer not null, primary key (runId, revision)
  ) strict;

  create table if not exists signals (
    runId text not null references runs (runId) on delete cascade, signalId text not null, name text not null,
    payload text not null, revision integer not null, consumed integer not null, primary key (runId, signalId)
  ) strict;
  create index if not exists signals_by_revision on signals (runId, revision);

  create table if not exists notices (
    place integer primary key autoincrement, runId text not null, kind text not null,
    at integer not null
  ) strict;
`
// #endregion

// #region rows
type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** The timed right to write. `leaseUntil` is null when nobody has it; epoch and claim stay, to tell what comes late. */
export interface Leased {
  epoch: number
  owner: string | null
  claimId: string | null
  leaseUntil: number | null
}

/** From `wantAt` on somebody ought to come (null: nobody). Was rung at `rungAt`, and by sweeps `rings` times more. */
export interface Wanting {
  wantAt: number | null
  rungAt: number | null
  rings: number
}

/** `tags`, `parent`, `blockedFor` and `lastTurn` are JSON. */
export interface RunRow extends Writable<Omit<Run, 'tags' | 'parent'>>, Leased, Wanting {
  readonly place: number
  readonly tags: string
  readonly parent: string | null
  revision: number
  wakeSeq: number
  /** The newest wakeSeq that some holder was told. */
  readSeq: number
  /** The engine suspended it: nobody works on its steps. `limit`: and no code may claim it. */
  halted: 'code' | 'limit' | null
  /** The hashes of the code that cannot go on with it. */
  blockedFor: string
  /** What the last turn was answered, to answer it again. */
  lastTurn: string | null
}

/** `policy` and `ending` are JSON. `owner` is who has the lease, or had it last. */
export interface StepRow extends Writable<Omit<StepDetail, 'id' | 'dueInMs' | 'worker'>>, StepId, Leased, Wanting {
  readonly place: number
  readonly runId: string
  readonly policy: string | null
  readonly childId: string | null
  dueAt: number | null
  /** How often it was rung for: a key that is never used twice. */
  dispatches: number
  /** How the last lease ended, to answer the same call again. */
  ending: string | null
}
// #endregion

// #region transaction
export interface Options {
  /** The store's clock, in ms. All processes of one file are on one machine and have the same. */
  readonly clock?: () => number
  /** `off`: what was written survives the death of a process, but not of the machine. Default `full`. */
  readonly synchronous?: 'full' | 'off'
}

/** One connection to the file. */
export class Database {
  /** The clock as it was when this transaction had its lock. */
  now = 0
  readonly #connection: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #clock: () => number

  constructor(file: string, { clock = Date.now, synchronous = 'full' }: Options) {
    this.#connection = new DatabaseSync(file, { timeout: 10_000 })
    this.#clock = clock
    this.#connection.exec(`pragma journal_mode = wal; pragma synchronous = ${synchronous}`)
    this.#connection.function('holdBack', { deterministic: true }, (crashes) => holdBack(Number(crashes)))
  }

  /** All that `body` writes, or nothing. Nobody else writes meanwhile: the lock is taken before the first read. */
  write<T>(body: () => T): Promise<T> {
    return this.#transaction('immediate', body)
  }

  /** `body` sees one moment, whatever others write. */
  read<T>(body: () => T): Promise<T> {
    return this.#transaction('deferred', body)
  }

  async #transaction<T>(mode: 'immediate' | 'deferred', body: () => T): Promise<T> {
    await setImmediate() // A call is a round trip: whoever makes many in a row lets others have their turn.
    try {
      this.#connection.exec(`begin ${mode}`)
      try {
        this.#refuseNewer()
        this.now = this.#clock()
        const answer = body()
        this.#connection.exec('commit')
        return answer
      } finally {
        if (this.#connection.isTransaction) this.#connection.exec('rollback')
      }
    } catch (error) {
      if (this.#connection.isOpen && !mayPass(error)) throw error
      throw new StoreUnavailableError('the SQLite file could not be read or written', { cause: error })
    }
  }
  // #endregion

  // #region statements
  /** Each time: a newer version may have come while this one runs. */
  #refuseNewer(): void {
    const found = this.get<{ user_version: number }>('pragma user_version')?.user_version ?? 0
    if (found <= schemaVersion) return
    throw new WorkflowError('SCHEMA_TOO_NEW', `this file has version ${found}, this code knows ${schemaVersion}`)
  }

  migrate(): void {
    this.#connection.exec(`${schema}; pragma user_version = ${schemaVersion}`)
  }

  all<T>(sql: string, params: object = {}): T[] {
    return this.#prepare(sql).all({ ...params } as Record<string, SQLInputValue>) as unknown as T[]
  }

  get<T>(sql: string, params: object = {}): T | undefined {
    return this.all<T>(sql, params)[0]
  }

  /** Row by row: whoever has enough stops reading. */
  each<T>(sql: string, params: object): Iterable<T> {
    return this.#prepare(sql).iterate({ ...params } as Record<string, SQLInputValue>) as unknown as Iterable<T>
  }

  run(sql: string, params: object = {}): void {
    this.#prepare(sql).run({ ...params } as Record<string, SQLInputValue>)
  }

  insert(table: 'runs' | 'steps' | 'attempts' | 'signals' | 'notices', row: object): void {
    const columns = Object.keys(row)
    this.run(`insert into ${table} (${columns.join()}) values (${columns.map((one) => `:${one}`).join()})`, row)
  }

  save(table: 'runs' | 'steps', row: RunRow | StepRow): void {
    const columns = Object.keys(row).map((one) => `${one} = :${one}`)
    this.run(`update ${table} set ${columns.join()} where place = :place`, row)
  }

  close(): void {
    this.#statements.clear()
    if (this.#connection.isOpen) this.#connection.close()
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#connection.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

/** Busy, locked, read-only, an I/O error, a full disk, a file that cannot be opened: the same call may succeed later. */
function mayPass(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && [5, 6, 8, 10, 13, 14].includes(Number(error.errcode) & 0xff)
}

/** How long after the end of its lease a run that crashed so often is left alone. */
export function holdBack(crashes: number): number {
  return crashes === 0 ? 0 : Math.min(1_000 * 2 ** (crashes - 1), 60_000)
}
// #endregion
