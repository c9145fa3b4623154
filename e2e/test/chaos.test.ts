import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { expect, test } from 'vitest'

/** A quarter of a minute of faults on each store. What it takes besides is starting, warming up and letting everything end. */
const asked = ['--minutes', '0.25', '--seed', '63']

test('chaos, a short one: every run ends as it should, on both stores at the same time', async () => {
  const harness = path.resolve(import.meta.dirname, '../chaos/main.ts')
  const child = spawn(process.execPath, [harness, ...asked], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (printed += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  console.log(printed)
  expect(code, printed).toBe(0)
  expect(printed.match(/^no violation$/gm)).toHaveLength(2)
}, 600_000)
