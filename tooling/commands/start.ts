// `npm start`: the demo of the template. On the server of REDIS_URL if that is set, with `--redis` on a private Redis
// server, else on the server of DATABASE_URL or a private PostgreSQL server.
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { startFreshPostgres } from '../postgres.ts'
import { startFreshRedis } from '../redis.ts'
import { bringRedisServer } from './bring-programs.ts'
import { exitCode, onInterruption } from './interruption.ts'

const template = path.resolve(import.meta.dirname, '../../templates/workflows')
const options = process.argv.slice(2)

/** What runs at the moment. */
let child: ChildProcess | undefined
const interrupted = onInterruption((signal) => child?.kill(signal))

interface Store {
  readonly env: NodeJS.ProcessEnv
  dispose(): Promise<void>
}

async function openStore(): Promise<Store> {
  const { REDIS_URL, DATABASE_URL } = process.env
  const given = async () => {}
  if (REDIS_URL) {
    say('using the Redis server of REDIS_URL')
    return { env: {}, dispose: given }
  }
  if (options.includes('--redis')) {
    await bringRedisServer((started) => (child = started))
    const server = await startFreshRedis({ onProgress: say })
    return { env: { REDIS_URL: server.url }, dispose: () => server.dispose() }
  }
  if (DATABASE_URL) {
    say('using the PostgreSQL server of DATABASE_URL')
    return { env: {}, dispose: given }
  }
  const server = await startFreshPostgres({ onProgress: say })
  return { env: { DATABASE_URL: server.url }, dispose: () => server.dispose() }
}

async function demo(env: NodeJS.ProcessEnv): Promise<number> {
  const rest = options.filter((option) => option !== '--redis')
  child = spawn(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...rest], {
    cwd: template,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  return exitCode(child)
}

function say(line: string): void {
  console.log(`» ${line}`)
}

let code = 1
try {
  const store = await openStore()
  try {
    if (!interrupted()) code = await demo(store.env)
  } finally {
    await store.dispose()
  }
} catch (error) {
  if (!interrupted()) console.error(error instanceof Error ? error.message : error)
}
process.exit(code)
