import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openPgStore, PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService } from '@pikku/queue-pg-boss'
import { startFreshPostgres, type PostgresServer } from '@pikku/tooling/postgres'
import postgres from 'postgres'
import type { ChaosServer, HeldThing, Records, ServerFault, ThingNow } from './server.ts'
import { quiet } from './quiet.ts'
import { away, storm, timesFullIn, urlAtPort } from './server-faults.ts'
import type { SmallDisk } from './small-disk.ts'

/** PostgreSQL, with pg-boss in the same database. */
export async function openPostgres(disk: SmallDisk): Promise<ChaosServer> {
  const server = await startFreshPostgres({ settings: { max_connections: '200' } })
  return new PostgresUnderFire(server, disk)
}

class PostgresUnderFire implements ChaosServer {
  readonly title = 'PostgreSQL and pg-boss'
  readonly port: number
  readonly folder: string
  readonly noDisk: string | null
  readonly faults: Readonly<Record<string, ServerFault>>
  readonly #server: PostgresServer
  readonly #disk: SmallDisk
  readonly #sql: postgres.Sql

  constructor(server: PostgresServer, disk: SmallDisk) {
    this.#server = server
    this.#disk = disk
    this.port = server.port
    this.folder = path.dirname(server.log)
    this.noDisk = disk.problem
    // Asking for types is nobody's query: when the server goes away meanwhile, its rejection would end this process.
    const asks = { max: 3, onnotice: () => {}, prepare: false, fetch_types: false }
    this.#sql = postgres(this.#watching(), asks)
    this.faults = this.#makeFaults()
  }

  /** Not a client of the apps; may write while others may not. */
  #watching(): string {
    const url = new URL(this.#server.url)
    url.searchParams.set('application_name', 'chaos')
    url.searchParams.set('default_transaction_read_only', 'off')
    return url.href
  }

  urlAt(port: number): string {
    return urlAtPort(this.#server.url, port)
  }

  async leasesOf(pid: number): Promise<readonly HeldThing[]> {
    const owner = `%:${pid}:%`
    const rows = await this.#sql<
      { run_id: string; name: string | null; ordinal: number; owner: string; epoch: number }[]
    >`
      select run_id, null as name, 0 as ordinal, owner, epoch::float8 as epoch
      from workflows.workflow_runs where leased and owner like ${owner} and ended_at is null
      union all
      select run_id, name, ordinal, worker, epoch::float8
      from workflows.workflow_step where leased and worker like ${owner} and status = 'running'`
    return rows.map(({ run_id: runId, name, ordinal, owner: holder, epoch }) => {
      const step = name === null ? null : { name, ordinal, place: '' }
      return { runId, step, owner: holder, epoch }
    })
  }

  async look(things: readonly HeldThing[]): Promise<readonly (ThingNow | undefined)[]> {
    const asked = things.map(({ runId, step }, i) => ({
      i,
      runId,
      name: step?.name ?? null,
      ordinal: step?.ordinal ?? 0,
    }))
    const rows = await this.#sql<({ i: number } & ThingNow)[]>`
      with asked as (
        select * from json_to_recordset(${JSON.stringify(asked)}::text::json) as a(i integer, "runId" text, name text, ordinal integer)
      )
      select a.i, r.owner, r.epoch::float8 as epoch, r.leased, r.ended_at is not null or r.status = 'suspended' as over, r.ring_at is not null as wanted
      from asked as a join workflows.workflow_runs as r on r.run_id = a."runId" where a.name is null
      union all
      select a.i, s.worker, s.epoch::float8, s.leased, s.settled_seq is not null or r.ended_at is not null or r.status = 'suspended', true
      from asked as a
      join workflows.workflow_step as s on s.run_id = a."runId" and s.name = a.name and s.ordinal = a.ordinal
      join workflows.workflow_runs as r on r.run_id = a."runId"`
    const found: (ThingNow | undefined)[] = things.map(() => undefined)
    for (const row of rows) found[row.i] = row
    return found
  }

  async load(): Promise<{ leases: number; unended: number }> {
    const [row] = await this.#sql<{ leases: number; unended: number }[]>`
      select ((select count(*) from workflows.workflow_runs where leased and ended_at is null)
              + (select count(*) from workflows.workflow_step as s join workflows.workflow_runs as r using (run_id)
                 where s.leased and r.ended_at is null))::integer as leases,
             (select count(*) from workflows.workflow_runs where ended_at is null)::integer as unended`
    return row ?? { leases: 0, unended: 0 }
  }

  async activeMessages(withinMs: number): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::integer as count from pgboss.job
      where state = 'active' and started_on > now() - ${withinMs}::float8 * interval '1 millisecond'`
    return row?.count ?? 0
  }

  async connections(): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::integer as count from pg_stat_activity
      where backend_type = 'client backend' and application_name <> 'chaos'`
    return row?.count ?? 0
  }

  timesFull(): number {
    return timesFullIn(this.#server.log)
  }

  records(): Records {
    const { url } = this.#server
    const { reader, store } = openPgStore(url, 'workflows', { leaseMs: 10_000, logger: quiet })
    const service = new PgWorkflowService(url, new PgBossQueueService(url), 'workflows')
    const close = async (): Promise<void> => {
      await Promise.all([service.close(), store.close()])
    }
    return { reader, getRun: (runId) => service.getRun(runId), close }
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  async dispose(): Promise<void> {
    await this.#sql.end({ timeout: 1 })
    await this.#server.dispose()
  }

  #makeFaults(): Record<string, ServerFault> {
    const start = (): Promise<void> => this.#server.start()
    const faults: Record<string, ServerFault> = {
      'restart (fast)': away(() => this.#server.stop(), start),
      'restart (immediate)': away(() => this.#quit(), start),
      'SIGKILL of the server': away(() => this.#server.kill(), start),
      'pg_terminate_backend storm': storm(() => this.#terminate()),
      'read-only database': async (during) => {
        await this.#readOnly('on')
        await during()
        await this.#readOnly('off')
      },
    }
    if (this.#disk.problem === null) faults['full disk'] = (during) => this.#fullDisk(during)
    return faults
  }

  /** SIGQUIT: it ends at once and recovers when it starts again. */
  async #quit(): Promise<void> {
    const pid = Number(readFileSync(path.join(this.folder, 'data/postmaster.pid'), 'utf8').split('\n')[0])
    process.kill(pid, 'SIGQUIT')
    while (isAlive(pid)) await delay(5)
  }

  #terminate(): Promise<unknown> {
    return insist(
      () => this.#sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and application_name <> 'chaos'`,
    )
  }

  async #readOnly(value: 'on' | 'off'): Promise<void> {
    await insist(() => this.#sql.unsafe(`alter system set default_transaction_read_only = ${value}`))
    await insist(() => this.#sql`select pg_reload_conf()`)
    await delay(100)
    await this.#terminate()
  }

  /** It may end of that, or refuse. */
  async #fullDisk(during: () => Promise<void>): Promise<void> {
    this.#disk.fill()
    try {
      await Promise.all([during(), this.#askForSegments()])
    } finally {
      this.#disk.makeRoom()
    }
    await this.#server.start()
    await this.#endIfDead()
  }

  /**
   * PostgreSQL 18, when its recovery after a crash found no room, stays without recovering once there is: somebody has to
   * end it.
   */
  async #endIfDead(): Promise<void> {
    const until = Date.now() + 10_000
    while (Date.now() < until) {
      if (await this.#sql`select 1`.catch(() => null)) return
      await delay(200)
    }
    await this.#server.kill()
    await this.#server.start()
  }

  /** Segments of the log that were there already would be enough for a while. */
  async #askForSegments(): Promise<void> {
    for (let segment = 0; segment < 8; segment++) {
      try {
        await this.#sql`select pg_logical_emit_message(true, 'chaos', 'x')`
        await this.#sql`select pg_switch_wal()`
      } catch {
        return // It is full.
      }
    }
  }
}

/** A connection of ours that is just being made has no name yet, and is terminated with the others. */
async function insist(ask: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      if (tries === 20) throw error
      await delay(100)
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false // The error is the answer.
  }
}
