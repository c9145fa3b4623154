// `npm start`: the demo of the template, on DATABASE_URL or else on a private PostgreSQL server.
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { startFreshPostgres } from '../postgres.ts'
import { exitCode, onInterruption } from './interruption.ts'

const template = path.resolve(import.meta.dirname, '../../templates/workflows')

let demo: ChildProcess | undefined
const interrupted = onInterruption((signal) => demo?.kill(signal))

const given = process.env['DATABASE_URL']
const server = given ? undefined : await startFreshPostgres({ onProgress: (line) => console.log(`» ${line}`) })
if (given) console.log('» using the PostgreSQL server of DATABASE_URL')

let code = 1
try {
  if (!interrupted()) {
    demo = spawn(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...process.argv.slice(2)], {
      cwd: template,
      stdio: 'inherit',
      env: { ...process.env, DATABASE_URL: server?.url ?? given },
    })
    code = await exitCode(demo)
  }
} finally {
  await server?.dispose()
}
process.exit(code)
