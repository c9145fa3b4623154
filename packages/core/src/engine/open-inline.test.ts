import assert from 'node:assert/strict'
import { test } from 'vitest'
import { TestClock } from '../testing/index.ts'
import { OpenInline, type InlineCommand } from './open-inline.ts'

function command(name: string, attempt = 0): InlineCommand {
  return { kind: 'inline', name, id: { name, ordinal: 0 }, run: () => 1, options: {}, askedAfter: 0, attempt, lost: 0 }
}

const names = (due: { command: InlineCommand; attempt: number }[]): string[] =>
  due.map((one) => `${one.command.name} ${one.attempt}`)

test('each is handed out once, when its time has come', async () => {
  const clock = new TestClock()
  const open = new OpenInline(clock)
  open.add(command('now'))
  open.again({ name: 'later', ordinal: 0 }, 1, 500)
  open.add(command('later', 1))
  assert.deepEqual(names(open.takeDue()), ['now 1'])
  assert.deepEqual(names(open.takeDue()), [])
  assert.equal(open.nextDueInMs, 500)
  await clock.advance(500)
  assert.deepEqual(names(open.takeDue()), ['later 2'])
  assert.equal(open.nextDueInMs, null)
})

test('an attempt that failed with another one left waits for its time', async () => {
  const clock = new TestClock()
  const open = new OpenInline(clock)
  open.add(command('flaky'))
  open.takeDue()
  open.again({ name: 'flaky', ordinal: 0 }, 1, 200)
  assert.deepEqual(names(open.takeDue()), [])
  await clock.advance(200)
  assert.deepEqual(names(open.takeDue()), ['flaky 2'])
})

test("a machine's clock that is set back or forward moves no retry", async () => {
  const clock = new TestClock()
  const set = { ms: 0 }
  const open = new OpenInline({
    now: () => clock.now() + set.ms,
    elapsed: () => clock.elapsed(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  })
  open.again({ name: 'later', ordinal: 0 }, 1, 500)
  open.add(command('later', 1))
  set.ms = 3_600_000
  assert.deepEqual(names(open.takeDue()), [])
  set.ms = -3_600_000
  await clock.advance(500)
  assert.deepEqual(names(open.takeDue()), ['later 2'])
})

test('what settled elsewhere is not run, what nobody asked for is not known', () => {
  const open = new OpenInline(new TestClock())
  open.add(command('a'))
  open.settled({ name: 'a', ordinal: 0 })
  open.again({ name: 'unknown', ordinal: 0 }, 1, 0)
  assert.deepEqual(open.takeDue(), [])
})
