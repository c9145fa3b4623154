// `npm test`: every test of every package in one vitest run; the last line says how many passed and failed.
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { exitCode, onInterruption } from './interruption.ts'
import { countTests, summaryLine } from './test-report.ts'

const root = path.resolve(import.meta.dirname, '../..')
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-tests-'))
const report = path.join(scratch, 'report.json')

let vitest: ChildProcess | undefined
const interrupted = onInterruption((signal) => vitest?.kill(signal))

try {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const program = path.resolve(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
  vitest = spawn(process.execPath, [program, 'run', ...reporters, ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  })
  const code = await exitCode(vitest)
  const counts = countTests(fs.existsSync(report) ? fs.readFileSync(report, 'utf8') : undefined, code)
  for (const problem of counts.problems) console.log(problem)
  console.log(summaryLine(counts))
  process.exitCode = counts.failed > 0 || interrupted() ? 1 : 0
} finally {
  fs.rmSync(scratch, { recursive: true, force: true })
}
