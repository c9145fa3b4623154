import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Logger } from '../contract/index.ts'
import { createReport } from './report.ts'

const fail = (): never => {
  throw new Error('the destination is closed')
}
const throwing: Logger = { debug: fail, info: fail, warn: fail, error: fail }

test('never throws, whatever the logger and the observer do', () => {
  let observed = 0
  const report = createReport({ onEvent: () => (observed += 1) }, () => throwing)
  report({ kind: 'trouble', during: 'taking a turn', error: new Error('x') })
  assert.equal(observed, 1)
  createReport({ onEvent: fail }, () => throwing)({ kind: 'run-parked', runId: 'r', workflow: 'w' })
})
