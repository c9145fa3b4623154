// `npm test`: every test of every package in one vitest run; the last line says how many passed and failed.
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { metLine, toMeetIn } from '../servers-met.ts'
import { bringTestPrograms } from './bring-programs.ts'
import { exitCode, onInterruption } from './interruption.ts'
import { countTests, summaryLine } from './test-report.ts'

const root = path.resolve(import.meta.dirname, '../..')
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-tests-'))
const report = path.join(scratch, 'report.json')
const met = path.join(scratch, 'servers-met')

/**
 * Most tests wait for a server more than they compute: on two cores two files at a time leave half of them idle. Here
 * and not in vitest's configuration, which every project would have to repeat.
 */
const workers = '--maxWorkers=3'

/** Whoever names tests knows what he leaves out. */
const byName = process.argv.some((argument) => /^(-t|--testNamePattern)/.test(argument))

/** What runs at the moment. */
let child: ChildProcess | undefined
const interrupted = onInterruption((signal) => child?.kill(signal))

async function runTests(): Promise<void> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const program = path.resolve(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
  child = spawn(process.execPath, [program, 'run', workers, ...reporters, ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...toMeetIn(met) },
  })
  const code = await exitCode(child)
  const counts = countTests(fs.existsSync(report) ? fs.readFileSync(report, 'utf8') : undefined, code)
  for (const problem of counts.problems) console.log(problem)
  if (!byName) for (const skip of counts.skips) console.log(`» skipped ${skip.replace(`${root}${path.sep}`, '')}`)
  const servers = metLine(met)
  if (servers) console.log(servers)
  console.log(summaryLine(counts))
  process.exitCode = counts.failed > 0 ? 1 : 0
}

try {
  // Whoever names the tests to run is not kept waiting for those of others.
  if (process.argv.length === 2) await bringTestPrograms((started) => (child = started))
  if (!interrupted()) await runTests()
  if (interrupted()) process.exitCode = 1
} catch (error) {
  if (!interrupted()) console.log(`${error instanceof Error ? error.message : String(error)}\n0 passed, 1 failed`)
  process.exitCode = 1
} finally {
  fs.rmSync(scratch, { recursive: true, force: true })
}
