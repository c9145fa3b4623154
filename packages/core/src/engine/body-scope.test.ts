import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'vitest'
import * as first from './body-scope.ts'

const others = process.listeners('unhandledRejection')

/** Another copy of the module, as another copy of the package brings it. */
async function secondCopy(): Promise<typeof first> {
  const specifier = './body-scope.ts?copy=2'
  return (await import(/* @vite-ignore */ specifier)) as typeof first
}

function reject(): void {
  process.emit('unhandledRejection', new Error('unhandled'), Promise.resolve())
}

const scopeOf = (told: unknown[]): first.BodyScope => {
  return { runId: 'run', workflow: 'w', inStep: false, onRejection: (error) => told.push(error) }
}

describe('rejections', () => {
  beforeEach(() => void process.removeAllListeners('unhandledRejection'))
  afterEach(() => {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  })

  test('A7: one of a body is its run’s; anybody else’s ends the process as ever', () => {
    const told: unknown[] = []
    const stop = [first.watchRejections(), first.watchRejections()]
    first.bodyScope.run(scopeOf(told), reject)
    assert.equal(told.length, 1)
    assert.throws(reject, /unhandled/)
    stop[0]?.()
    stop[0]?.()
    assert.throws(reject, /unhandled/)
    stop[1]?.()
    assert.equal(process.listenerCount('unhandledRejection'), 0)
  })

  test('A7: with a listener of the user’s own it is left to that one', () => {
    const heard: unknown[] = []
    process.on('unhandledRejection', (error) => heard.push(error))
    const stop = first.watchRejections()
    reject()
    assert.equal(heard.length, 1)
    stop()
  })

  test('A7: two copies of this package are no users of each other', async () => {
    const second = await secondCopy()
    assert.notEqual(second.bodyScope, first.bodyScope)
    const told: unknown[] = []
    const stop = [first.watchRejections(), second.watchRejections()]
    first.bodyScope.run(scopeOf(told), reject)
    second.bodyScope.run(scopeOf(told), reject)
    assert.equal(told.length, 2)
    assert.throws(reject, /unhandled/)
    stop[0]?.()
    second.bodyScope.run(scopeOf(told), reject)
    assert.equal(told.length, 3)
    stop[1]?.()
    assert.equal(process.listenerCount('unhandledRejection'), 0)
  })
})

test('what a step of a run calls is inside that run, the engine’s own work is not', async () => {
  const inside = async (): Promise<boolean> => {
    await Promise.resolve()
    return first.isInsideRun()
  }
  assert.equal(await inside(), false)
  assert.equal(await first.insideRpcStep(inside), true)
  assert.equal(await first.bodyScope.run(scopeOf([]), inside), true)
  assert.equal(
    await first.insideRpcStep(() => first.bodyScope.run(scopeOf([]), () => first.outsideBodies(inside))),
    false,
  )
})
