import assert from 'node:assert/strict'
import { test } from 'vitest'
import { systemClock } from './system-clock.ts'
import { DueSleeps } from './due-sleeps.ts'
import { OpenInline } from './open-inline.ts'
import { ParkedRuns } from './parked-runs.ts'
import type { ParkedRun } from './run-turns.ts'

function parked(): ParkedRun & { abandoned: () => boolean } {
  let abandoned = false
  const replay = {
    advance: () => Promise.reject(new Error('not in this test')),
    onMoved: () => undefined,
    abandon: () => (abandoned = true),
    lastSettledAt: null,
  }
  const scope = { runId: 'run', workflow: 'w', inStep: false, onRejection: () => undefined }
  const body = { replay, scope, rejection: null, moved: false, onMoved: () => undefined }
  return {
    body,
    open: new OpenInline(systemClock),
    sleeps: new DueSleeps(systemClock),
    revision: 1,
    createdAt: 0,
    abandoned: () => abandoned,
  }
}

test('keeps the most recently used and abandons what it drops', () => {
  const runs = new ParkedRuns(2)
  const [a, b, c] = [parked(), parked(), parked()]
  runs.put('a', a)
  runs.put('b', b)
  runs.put('a', runs.take('a')!)
  runs.put('c', c)
  assert.deepEqual(
    [a, b, c].map((run) => run.abandoned()),
    [false, true, false],
  )
  assert.equal(runs.take('b'), null)
  assert.equal(runs.take('a'), a)
  assert.equal(runs.take('a'), null, 'taken is taken')
  runs.dropAll()
  assert.equal(c.abandoned(), true)
  assert.equal(a.abandoned(), false)
})
