// `pnpm bench`: every row of the table, ours and the peers' (benchmarks/BENCHMARKS.md).
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { bringRedisServer } from './bring-programs.ts'
import { exitCode, onInterruption } from './interruption.ts'

const program = path.resolve(import.meta.dirname, '../../benchmarks/src/main.ts')

/** What runs at the moment. */
let child: ChildProcess | undefined
const interrupted = onInterruption((signal) => child?.kill(signal))

let code = 1
try {
  await bringRedisServer((started) => (child = started))
  if (!interrupted()) {
    child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' })
    code = await exitCode(child)
  }
} catch (error) {
  if (!interrupted()) console.error(error instanceof Error ? error.message : error)
}
process.exit(code)
