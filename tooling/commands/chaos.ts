// `pnpm chaos --minutes N --seed S [--store pg|redis]`: real processes and real servers under load, and what can be done to
// them. The harness is in e2e/chaos.
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { bringRedisServer } from './bring-programs.ts'
import { exitCode, onInterruption } from './interruption.ts'

const harness = path.resolve(import.meta.dirname, '../../e2e/chaos/main.ts')

/** What runs at the moment. */
let child: ChildProcess | undefined
const interrupted = onInterruption((signal) => child?.kill(signal))

let code = 1
try {
  await bringRedisServer((started) => (child = started))
  if (!interrupted()) {
    child = spawn(process.execPath, [harness, ...process.argv.slice(2)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    code = await exitCode(child)
  }
} catch (error) {
  if (!interrupted()) console.error(error instanceof Error ? error.message : error)
}
process.exit(code)
