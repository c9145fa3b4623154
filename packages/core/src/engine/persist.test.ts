import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { WorkflowEvent } from '../contract/index.ts'
import { LeaseLostError, StoreUnavailableError } from '../contract/index.ts'
import { TestClock } from '../testing/index.ts'
import { persist } from './persist.ts'

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('asks again for as long as there is no definite answer, ever more slowly, and tells each time', async () => {
  const clock = new TestClock()
  const events: WorkflowEvent[] = []
  const askedAt: number[] = []
  const started = clock.now()
  const answer = persist(
    { during: 'x', signal: new AbortController().signal, clock, report: (event) => events.push(event) },
    () => {
      askedAt.push(clock.now() - started)
      return askedAt.length < 5 ? Promise.reject(new StoreUnavailableError('away')) : Promise.resolve('answer')
    },
  )
  await turnOfTheLoop()
  await clock.advance(5_000)
  assert.equal(await answer, 'answer')
  assert.deepEqual(askedAt, [0, 50, 150, 350, 750])
  assert.equal(events.length, 4)
})

test('a definite answer is handed on at once', async () => {
  let asked = 0
  const parts = { during: 'x', signal: new AbortController().signal, clock: new TestClock(), report: () => undefined }
  const lost = (): Promise<never> => {
    asked += 1
    return Promise.reject(new LeaseLostError('run'))
  }
  await assert.rejects(persist(parts, lost), LeaseLostError)
  assert.equal(asked, 1)
})

test('ends when it is told to, after one last try', async () => {
  const stop = new AbortController()
  const clock = new TestClock()
  let asked = 0
  const answer = persist({ during: 'x', signal: stop.signal, clock, report: () => undefined }, () => {
    asked += 1
    return Promise.reject(new StoreUnavailableError('away'))
  })
  const rejected = assert.rejects(answer, StoreUnavailableError)
  await turnOfTheLoop()
  stop.abort()
  await rejected
  assert.equal(asked, 2)
})
