import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { WorkflowError } from '@pikku/core/contract'
import { coalesce } from '../src/coalesce.ts'
import type { Lane, Verdict } from '../src/coalesce.ts'

interface Call {
  readonly key: string
  readonly text: string
}

type Send = Lane<Call, string>['send']

/** A lane that records what travelled together. */
function laneOf(send: Send, over: Partial<Lane<Call, string>> = {}) {
  const batches: string[][] = []
  const patient: string[] = []
  const call = coalesce<Call, string>({
    name: 'probe',
    send: (calls, how) => {
      batches.push(calls.map(({ text }) => text))
      if (how.patient) patient.push(...calls.map(({ text }) => text))
      return send(calls, how)
    },
    keyOf: ({ key }) => key,
    sizeOf: ({ text }) => text.length,
    maxCalls: 100,
    maxStatements: 1,
    patienceMs: 300,
    target: 'nowhere:1/none',
    ...over,
  })
  return { call: (text: string, key = text) => call({ key, text }), batches, patient }
}

const echo: Send = async (calls) => calls.map(({ text }) => ({ kind: 'answer', answer: `${text}!` }))

function databaseError(code: string): Error {
  return Object.assign(new Error(`refused with ${code}`), { code })
}

describe('coalescing', () => {
  test('calls of one turn of the event loop travel as one statement, each with its own answer', async () => {
    const { call, batches } = laneOf(echo)
    assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((text) => call(text))), ['a!', 'b!', 'c!'])
    assert.deepEqual(batches, [['a', 'b', 'c']])
  })

  test('calls made while a statement is under way travel together after it', async () => {
    const first = Promise.withResolvers<void>()
    const { call, batches } = laneOf(async (calls, how) => {
      if (batches.length === 1) await first.promise
      return echo(calls, how)
    })
    const a = call('a')
    await until(() => batches.length === 1)
    const late = [call('b'), call('c')]
    await turns(3)
    assert.deepEqual(batches, [['a']])
    first.resolve()
    assert.deepEqual(await Promise.all([a, ...late]), ['a!', 'b!', 'c!'])
    assert.deepEqual(batches, [['a'], ['b', 'c']])
  })

  test('calls of one key keep their order and never travel together', async () => {
    const { call, batches } = laneOf(echo)
    await Promise.all([call('a1', 'a'), call('a2', 'a'), call('b1', 'b'), call('a3', 'a')])
    assert.deepEqual(batches, [['a1', 'b1'], ['a2'], ['a3']])
  })

  test('a statement carries a bounded number of calls, and of bytes', async () => {
    const { call, batches } = laneOf(echo, { maxCalls: 2 })
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((text) => call(text)))
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [2, 2, 1],
    )
    const large = laneOf(echo)
    await Promise.all(['x', 'y', 'z'].map((text) => large.call(text.repeat(600 * 1024))))
    assert.deepEqual(
      large.batches.map((batch) => batch.length),
      [1, 1, 1],
    )
  })

  for (const code of ['21000', '22021', '22P02', '23514', '54000']) {
    test(`A10: one poisoned call (${code}) gets the error alone`, async () => {
      const { call, batches } = laneOf(async (calls, how) => {
        if (calls.some(({ text }) => text === 'bad')) throw databaseError(code)
        return echo(calls, how)
      })
      const answers = await Promise.allSettled(['a', 'bad', 'b'].map((text) => call(text)))
      assert.deepEqual(
        answers.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      )
      assert.deepEqual(batches, [['a', 'bad', 'b'], ['a'], ['bad'], ['b']])
    })
  }

  for (const code of ['40P01', '40001', '55P03']) {
    test(`A11: ${code} is tried again`, async () => {
      let failures = 3
      const { call } = laneOf(async (calls, how) => {
        failures -= 1
        if (failures >= 0) throw databaseError(code)
        return echo(calls, how)
      })
      assert.deepEqual(await Promise.all([call('a'), call('b')]), ['a!', 'b!'])
    })
  }

  test('A13: an unknown outcome is asked again, then told as such', async () => {
    let down = true
    const { call, batches } = laneOf(async (calls, how) => {
      if (down) throw databaseError('CONNECTION_CLOSED')
      return echo(calls, how)
    })
    const failed = await call('a').catch((error: unknown) => error)
    assert.ok(WorkflowError.is(failed, 'STORE_UNAVAILABLE'), String(failed))
    assert.match(String(failed), /nowhere:1\/none/)
    assert.ok(batches.length > 2)
    down = false
    assert.equal(await call('b'), 'b!')
  })

  test('A13: who waited for an answer for as long as calls are repeated asks once more', async () => {
    const { call, batches } = laneOf(
      async (calls, how) => {
        if (batches.length > 1) return echo(calls, how)
        await new Promise((resolve) => void setTimeout(resolve, 400))
        throw databaseError('NO_ANSWER')
      },
      { patienceMs: 300 },
    )
    assert.equal(await call('a'), 'a!')
    assert.deepEqual(batches, [['a'], ['a']])
  })

  for (const code of ['25P03', '25P04', '57P05']) {
    test(`A13: ${code}, a server that hangs up by itself, is an unknown outcome`, async () => {
      let failures = 1
      const { call } = laneOf(async (calls, how) => {
        failures -= 1
        if (failures >= 0) throw databaseError(code)
        assert.deepEqual(how.repeated, [true])
        return echo(calls, how)
      })
      assert.equal(await call('a'), 'a!')
    })
  }

  test('A13: a call knows that it was sent before', async () => {
    const told: (readonly boolean[])[] = []
    const { call } = laneOf(async (calls, how) => {
      told.push(how.repeated)
      if (told.length === 1) throw databaseError('ECONNRESET')
      if (told.length === 2) throw databaseError('40P01')
      return echo(calls, how)
    })
    await Promise.all([call('a'), call('b')])
    assert.deepEqual(told, [
      [false, false],
      [true, true],
      [true, true],
    ])
  })

  test('A14: a call that meets a locked row waits alone', async () => {
    const locked = Promise.withResolvers<void>()
    const { call, patient } = laneOf(async (calls, { patient: isPatient }) => {
      if (isPatient) await locked.promise
      return calls.map(({ text }): Verdict<string> => {
        return text === 'locked' && !isPatient ? { kind: 'busy' } : { kind: 'answer', answer: `${text}!` }
      })
    })
    const waiting = call('locked')
    assert.equal(await call('a'), 'a!')
    assert.equal(await call('b'), 'b!')
    assert.deepEqual(patient, ['locked'])
    locked.resolve()
    assert.equal(await waiting, 'locked!')
  })

  test('A14: a row that stays locked does not hold up those who wait for others', async () => {
    let isLocked = true
    const { call } = laneOf(async (calls, { patient }) => {
      if (!patient) return calls.map(() => ({ kind: 'busy' }))
      if (isLocked && calls[0]?.key === 'locked') {
        await turns(2)
        throw databaseError('55P03')
      }
      return echo(calls, { patient, repeated: [] })
    })
    const locked = ['a', 'b', 'c'].map((text) => call(text, 'locked'))
    assert.equal(await call('d'), 'd!')
    isLocked = false
    assert.deepEqual(await Promise.all(locked), ['a!', 'b!', 'c!'])
  })

  test('calls of one row that is locked wait for it together, and nobody who wants another row waits with them', async () => {
    const unlocked = Promise.withResolvers<void>()
    const { call, batches } = laneOf(
      async (calls, { patient }) => {
        if (patient && calls[0]!.text.startsWith('locked')) await unlocked.promise
        return calls.map(({ text }): Verdict<string> => {
          return patient ? { kind: 'answer', answer: `${text}!` } : { kind: 'busy' }
        })
      },
      { rowOf: ({ text }) => text.split(' ')[0]! },
    )
    const waiting = ['locked 1', 'locked 2', 'other 1', 'locked 3'].map((text) => call(text, text))
    assert.equal(await waiting[2], 'other 1!')
    const later = [call('locked 4', 'same key'), call('locked 5', 'same key')]
    await turns(3)
    unlocked.resolve()
    assert.deepEqual(await Promise.all([...waiting, ...later]), [
      ...['locked 1!', 'locked 2!', 'other 1!', 'locked 3!'],
      ...['locked 4!', 'locked 5!'],
    ])
    assert.deepEqual(batches, [
      ['locked 1', 'locked 2', 'other 1', 'locked 3'],
      ['locked 1', 'locked 2', 'locked 3'],
      ['other 1'],
      // What came for the row meanwhile found it locked, and followed; of one key one after the other.
      ['locked 4'],
      ['locked 5'],
      ['locked 4'],
      ['locked 5'],
    ])
  })

  test('a poisoned batch and a server that goes while it is taken apart: each call ends in its time', async () => {
    const { call, batches } = laneOf(
      async (calls) => {
        if (calls.length > 1) throw databaseError('22P05')
        // An answer that is waited for in vain.
        await new Promise((resolve) => void setTimeout(resolve, 400))
        throw databaseError('NO_ANSWER')
      },
      { patienceMs: 300 },
    )
    const ends = await Promise.allSettled(['a', 'b', 'c', 'd'].map((text) => call(text)))
    for (const end of ends) {
      assert.equal(end.status, 'rejected')
      assert.ok(WorkflowError.is((end as PromiseRejectedResult).reason, 'STORE_UNAVAILABLE'))
    }
    assert.deepEqual(batches, [['a', 'b', 'c', 'd'], ['a'], ['a']])
  })

  test('a call that was never sent counts as sent for the first time', async () => {
    for (const code of ['ECONNREFUSED', 'NO_CONNECTION', 'ENOTFOUND', '57P03', '53300', '25006']) {
      const told: (readonly boolean[])[] = []
      const { call } = laneOf(async (calls, how) => {
        told.push(how.repeated)
        if (told.length === 1) throw databaseError(code)
        return echo(calls, how)
      })
      assert.equal(await call('a'), 'a!')
      assert.deepEqual(told, [[false], [false]], code)
    }
  })

  test('a stale call is sent again, a refused one gets its own error', async () => {
    let tries = 0
    const { call } = laneOf(async (calls) =>
      calls.map(({ text }): Verdict<string> => {
        if (text === 'refused') return { kind: 'refused', error: new Error('not yours') }
        tries += 1
        return tries < 3 ? { kind: 'stale' } : { kind: 'answer', answer: `${text}!` }
      }),
    )
    const [stale, refused] = await Promise.allSettled([call('a'), call('refused')])
    assert.deepEqual([stale.status, refused.status, tries], ['fulfilled', 'rejected', 3])
  })

  test('a statement that leaves a call out is a defect that is told, not a call that hangs', async () => {
    const { call } = laneOf(async () => [])
    await assert.rejects(call('a'), /did not answer/)
  })
})

function turns(count: number): Promise<void> {
  return count === 0
    ? Promise.resolve()
    : new Promise<void>((resolve) => setImmediate(resolve)).then(() => turns(count - 1))
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !holds(); i += 1) await turns(1)
  assert.ok(holds(), holds.toString())
}
