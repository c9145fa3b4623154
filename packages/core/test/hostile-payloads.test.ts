import { describe, expect, test } from 'vitest'
import { NotSerializableError } from '../src/contract/errors.ts'
import { MAX_PAYLOAD_BYTES } from '../src/domain/limits.ts'
import { Payloads } from '../src/engine/payloads.ts'
import { decodeValue, encodeThrown, encodeValue, UnreadablePayloadError } from '../src/engine/values.ts'

/** Nobody else's turn comes while a value is written or read: what takes the processor for longer than this is a bomb. */
const patienceMs = 5_000

function inTime<T>(act: () => T): T {
  const before = process.cpuUsage()
  try {
    return act()
  } finally {
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(patienceMs)
  }
}

function refusal(value: unknown): NotSerializableError {
  try {
    encodeValue(value, "the result of step 'a'")
  } catch (error) {
    if (error instanceof NotSerializableError) return error
    throw error
  }
  throw new Error('it was kept')
}

const bigintOf = (bits: number): bigint => (1n << BigInt(bits)) - 1n

describe('values that cost more than they look', () => {
  test('bigints are kept up to a million bits', () => {
    const kept = { most: bigintOf(1_000_000), least: -bigintOf(1_000_000), boxed: Object(bigintOf(64)) as unknown }
    expect(inTime(() => decodeValue(encodeValue(kept, 'result')))).toEqual(kept)
    expect(inTime(() => refusal({ a: [bigintOf(1_000_001)] })).message).toMatchInlineSnapshot(
      `"the result of step 'a': result cannot be kept: it holds a bigint of more than 1000000 bits"`,
    )
    // Its digits alone would take a minute.
    for (const huge of [bigintOf(100_000_000), new Map([[bigintOf(50_000_000), 1]]), [Object(-bigintOf(50_000_000))]]) {
      expect(inTime(() => refusal(huge)).path).toBe('result')
    }
    expect(inTime(() => decodeValue(encodeThrown(bigintOf(50_000_000))))).toMatchObject({ message: 'a huge bigint' })
    expect(inTime(() => () => decodeValue(`[["BigInt","${'9'.repeat(5_000_000)}"]]`))).toThrow(UnreadablePayloadError)
  })

  test('an array is as large as what is in it', () => {
    const sparse = Object.assign([] as unknown[], { 0: 'first', 4294967294: 'last' })
    const text = inTime(() => encodeValue(sparse, 'result'))
    expect(text.length).toBeLessThan(60)
    const back = inTime(() => decodeValue(text)) as unknown[]
    expect([back.length, back[0], back[4294967294], Object.keys(back).length]).toEqual([4294967295, 'first', 'last', 2])
    const many = JSON.stringify([
      Array.from({ length: 50_000 }, (_, i) => i + 1),
      ...Array(50_000).fill([-7, 4294967295]),
    ])
    expect(inTime(() => decodeValue(many))).toHaveLength(50_000)
  })

  test('nesting without end is refused, whoever wrote it', () => {
    let deep: unknown = 1
    for (let level = 0; level < 200_000; level++) deep = level % 2 ? [deep] : { deep }
    expect(inTime(() => refusal(deep)).message).toMatch(/nested more than 1000 levels deep/)
    const bombs = [
      '['.repeat(1_000_000) + ']'.repeat(1_000_000),
      JSON.stringify(Array.from({ length: 300_000 }, (_, i) => [i + 1])),
      JSON.stringify(Array.from({ length: 300_000 }, (_, i) => ['Set', i + 1])),
      JSON.stringify(Array.from({ length: 300_000 }, (_, i) => ['Entries', i + 1])),
    ]
    for (const bomb of bombs) expect(inTime(() => () => decodeValue(bomb))).toThrow(UnreadablePayloadError)
  })

  test('what refers to itself many times is read once', () => {
    const laughs = Array.from({ length: 1_000 }, (_, i) => Array(10).fill(Math.min(i + 1, 999)))
    inTime(() => decodeValue(JSON.stringify(laughs)))
    const entries = Array.from({ length: 500 }, (_, i) =>
      i % 2 ? [false, 'a', i + 1, 'b', i + 1] : ['Entries', i + 1],
    )
    inTime(() => () => decodeValue(JSON.stringify(entries)))
  })

  test('lengths that are only claimed allocate nothing', () => {
    const claims = [
      '[["Float64Array",1,0,1000000000],["ArrayBuffer","AAAA"]]',
      '[["Uint8Array",1],4000000000]',
      '[[-7,4294967296,0,1],1]',
      '[["ArrayBuffer",4000000000]]',
    ]
    const before = process.memoryUsage().rss
    for (const claim of claims) expect(() => decodeValue(claim), claim).toThrow(UnreadablePayloadError)
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })

  test('what an error says of a key is short, however long the key is', () => {
    const { message, path } = refusal({ ['k'.repeat(4_000_000)]: () => 1 })
    expect(message.length).toBeLessThan(1_500)
    expect(path).toMatch(/^result\.k+…$/)
  })
})

describe('the limit of a payload', () => {
  const payloads = new Payloads(undefined, MAX_PAYLOAD_BYTES)

  test.each(['a', 'é', '日', '👩', '"', '\n'])('counts the bytes of %j, not its characters', async (character) => {
    const [short, long] = [encodeValue('', 'x').length, encodeValue(character, 'x')]
    const each = Buffer.byteLength(long) - short
    const most = Math.floor((MAX_PAYLOAD_BYTES - short) / each)
    expect(await payloads.decode((await payloads.encode(character.repeat(most), 'input')).payload)).toHaveLength(
      most * character.length,
    )
    await expect(payloads.encode(character.repeat(most + 1), 'input')).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    })
  })
})

describe('payloads run no code and change no prototype', () => {
  const polluters = [
    '[{"__proto__":1},{"polluted":2},true]',
    '[["null","__proto__",1],{"polluted":2},true]',
    '[["Entries",1],[2,"__proto__",3],false,{"polluted":4},true]',
    '[{"constructor":1},{"prototype":2},{"polluted":3},true]',
    '[["Error",1],{"name":2,"message":2,"fields":3},"x",{"__proto__":4},{"polluted":5},true]',
    '[["Error",1],{"name":2,"message":2,"__proto__":3},"x",{"polluted":4},true]',
    '[["Error",1],{"type":2,"name":3,"message":3},"constructor","x"]',
    '[["Error",1],{"type":2,"name":3,"message":3},"__proto__","x"]',
    '[["Class",1],[2,3],"__proto__",{"polluted":4},true]',
    '[["Class",1],[2,3],"constructor",{"polluted":4},true]',
    '[["Object",1],"__proto__"]',
    '[["__proto__",1],{"polluted":2},true]',
    '[["constructor",1],{"polluted":2},true]',
    '[["Map",1,2],"__proto__",{"polluted":3},true]',
    '[{"toString":1,"valueOf":1,"then":1,"toJSON":1},{"polluted":2},true]',
  ]

  test.each(polluters)('%s', async (text) => {
    const before = snapshotOfPrototypes()
    try {
      const value = decodeValue(text)
      // What is made of it goes on to be looked at, spread, awaited and written again.
      await Promise.resolve(value)
      encodeThrown(value)
      Object.assign({}, value)
    } catch (error) {
      expect(error).toBeInstanceOf(UnreadablePayloadError)
    }
    expect(snapshotOfPrototypes()).toEqual(before)
    expect('polluted' in {}).toBe(false)
    expect('polluted' in new Error('x')).toBe(false)
  })

  function snapshotOfPrototypes(): string[] {
    return [Object, Array, Error, Map, Function].flatMap(({ prototype }) => Reflect.ownKeys(prototype).map(String))
  }
})
