// `pnpm simulate`: the whole engine in virtual time, many seeds (docs/proofs.md).
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { exitCode, onInterruption } from './interruption.ts'

const program = path.resolve(import.meta.dirname, '../../packages/core/src/testing/simulation/simulate.ts')

const child: ChildProcess = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' })
const interrupted = onInterruption((signal) => child.kill(signal))
const code = await exitCode(child)
process.exitCode = interrupted() ? 1 : (code ?? 1)
