// `node tooling/commands/record-demo.ts`: runs `npm start -- --crash`, on a private PostgreSQL server and as it is built at
// the moment, and draws what it prints, when it prints it: docs/crash-demo.svg.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type TerminalLine, terminalSvg } from '../terminal-svg.ts'
import { exitCode, onInterruption } from './interruption.ts'

const root = path.resolve(import.meta.dirname, '../..')
/** Nobody watches a pause for longer; the demo prints its own times, which say how long it was. */
const longestPauseMs = 2_000
const lines: TerminalLine[] = [{ atMs: 0, text: '$ npm start -- --crash' }]
let lastAt = performance.now()

const child = spawn(process.execPath, [path.join(import.meta.dirname, 'start.ts'), '--crash'], {
  cwd: root,
  env: { ...process.env, DATABASE_URL: '', REDIS_URL: '' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
onInterruption((signal) => child.kill(signal))
createInterface(child.stdout).on('line', (text) => {
  console.log(text)
  const pauseMs = Math.min(performance.now() - lastAt, longestPauseMs)
  lastAt = performance.now()
  lines.push({ atMs: Math.round((lines.at(-1)?.atMs ?? 0) + pauseMs), text })
})

const code = await exitCode(child)
if (code === 0) {
  const title = 'npm start -- --crash: a worker is killed while it sends a mail, and the run completes on the other one'
  fs.writeFileSync(path.join(root, 'docs/crash-demo.svg'), terminalSvg(title, lines))
}
process.exit(code)
