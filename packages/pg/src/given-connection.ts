import type { Duplex } from 'node:stream'
import { WorkflowError } from '@pikku/core/contract'
import postgres from 'postgres'

/** What may be given for a connection: a URL, options of postgres.js, or an open pool whose options are taken. */
export type Connection = string | postgres.Options<Record<string, postgres.PostgresType>> | postgres.Sql

/** What our own connections take over from the user's: where to and as whom, not how the user likes rows. */
export interface ConnectionOptions {
  readonly host: readonly string[]
  readonly port: readonly number[]
  /** A unix socket, instead of a host. */
  readonly path?: string
  readonly database: string
  readonly user: string
  readonly pass: string | (() => string | Promise<string>) | null
  readonly ssl: unknown
  readonly sslnegotiation?: unknown
  /** Settings to begin with, by their names. */
  readonly connection: Readonly<Record<string, unknown>>
  /** Makes the socket instead of us. */
  readonly socket?: (options: ConnectionOptions) => Duplex | Promise<Duplex>
  readonly keep_alive: number | null
  readonly connect_timeout: number
  /** With several hosts, or where it is asked for: a server that takes writes, and no other. */
  readonly mustWrite: boolean
}

interface Parsed {
  readonly options: ConnectionOptions
  readonly prepare: boolean
}

/**
 * @param given what the user gave, or what was read from it before
 * @throws WorkflowError `CONFIGURATION`, without the password
 */
export function readConnection(given: Connection | ConnectionOptions): Parsed {
  if (typeof given === 'object' && given !== null && 'mustWrite' in given) return { options: given, prepare: true }
  const parsed = parse(given)
  return { options: baseOf(parsed), prepare: parsed.prepare }
}

type ParsedOptions = postgres.ParsedOptions<Record<string, unknown>>

function parse(given: Connection): ParsedOptions {
  if (typeof given === 'function') return given.options
  const isUrl = typeof given === 'string' && /^postgres(ql)?:\/\//i.test(given)
  if (!isUrl && (typeof given !== 'object' || given === null)) throw noConnection(given)
  try {
    return typeof given === 'string' ? parseUrl(given) : parseOptions(given)
  } catch {
    // What it throws holds the URL, and that the password.
    throw noConnection(given)
  }
}

/** As libpq reads it where postgres.js does not: an IPv6 address, and the directory of a unix socket. */
function parseUrl(given: string): ParsedOptions {
  const authority = given.slice(given.indexOf('://') + 3).split(/[/?]/, 1)[0] ?? ''
  // Several hosts are no URL to anybody but postgres.js.
  if (authority.includes(',')) return postgres(given).options
  const url = new URL(given)
  const directory = url.searchParams.get('host') ?? decodeURIComponent(url.hostname)
  const port = Number(url.searchParams.get('port') ?? (url.port || 5432))
  if (directory.startsWith('/')) {
    url.searchParams.delete('host')
    url.searchParams.delete('port')
    url.hostname = 'localhost'
    return postgres(url.href, { path: `${directory}/.s.PGSQL.${port}` } as object).options
  }
  if (!url.hostname.startsWith('[')) return postgres(given).options
  const host = url.hostname.slice(1, -1)
  url.hostname = 'localhost'
  return postgres(url.href, { host: [host], port: [port] } as object).options
}

function parseOptions(given: Exclude<Connection, string>): ParsedOptions {
  const { host, port = 5432 } = given as { host?: unknown; port?: number }
  const isV6 = typeof host === 'string' && host.includes('::')
  return postgres((isV6 ? { ...given, host: [host], port: [port] } : given) as object).options
}

function noConnection(given: unknown): WorkflowError {
  const found = typeof given === 'string' ? `'${given.replace(/^(.*?:\/\/)?.*@/s, '$1…@')}'` : String(given)
  return new WorkflowError(
    'CONFIGURATION',
    `${found} is no connection to PostgreSQL; accepted is a URL like 'postgresql://user:password@host:5432/database', options of postgres.js, or its \`sql\``,
  )
}

function baseOf(parsed: ParsedOptions): ConnectionOptions {
  const { host, port, path, database, user, pass, ssl, connection, target_session_attrs, keep_alive } = parsed
  const { sslnegotiation, socket } = parsed as { sslnegotiation?: unknown; socket?: unknown }
  const options = {
    host,
    port,
    ...(path ? { path } : {}),
    database,
    user,
    pass,
    ssl,
    ...(sslnegotiation ? { sslnegotiation } : {}),
    connection,
    ...(socket ? { socket } : {}),
    keep_alive,
    connect_timeout: parsed.connect_timeout,
    mustWrite: host.length > 1 || Boolean(target_session_attrs),
  }
  return options as unknown as ConnectionOptions
}

/** `host:port/database`, for messages. Never the password. */
export function targetOf({ host, port, path, database }: ConnectionOptions): string {
  const where =
    path ?? host.map((name, at) => `${name.includes(':') ? `[${name}]` : name}:${port[at] ?? 5432}`).join(',')
  return `${where}/${database}`
}
