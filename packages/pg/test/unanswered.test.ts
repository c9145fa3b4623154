import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

/** Nothing but the call keeps this process alive, and nobody listens on that port. */
const program = `
  import { openPgStore } from './src/index.ts'
  const { reader } = openPgStore('postgres://nobody:x@127.0.0.1:1/x', 'workflows', { leaseMs: 1_000, logger: console })
  await reader.getRun('r').catch((error) => console.log(error.code))
`

test('a process that awaits a call gets its answer, or the error that there is none; it does not end before', async () => {
  const flags = ['--conditions=pikku-source', '--input-type=module', '--eval', program]
  const { stdout } = await run(process.execPath, flags, { cwd: path.resolve(import.meta.dirname, '..') })
  expect(stdout).toContain('STORE_UNAVAILABLE')
}, 60_000)
