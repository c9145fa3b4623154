import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WorkflowError } from '../contract/errors.ts'
import { assertName, assertRunId, assertStepName, assertTags, isRunId, isStorable, plainText } from './names.ts'

function messageOf(act: () => void): string {
  try {
    act()
  } catch (error) {
    if (WorkflowError.is(error, 'INVALID_NAME')) return error.message
    throw error
  }
  return 'accepted'
}

describe('names', () => {
  test.each(['a', 'Create user', 'a:b#c', `'"`, 'two\nlines', '名前', '👩‍👩‍👧', ' ', '__proto__', 'x'.repeat(512)])(
    '%j is a step name',
    (name) => {
      expect(() => assertStepName(name)).not.toThrow()
    },
  )

  test('the message says what was given, where, and what is accepted', () => {
    const name = (given: unknown) => messageOf(() => assertName(given, 'workflow.do: the step name'))
    expect(name('')).toMatchInlineSnapshot(
      `"workflow.do: the step name: an empty string was given; accepted is a string of 1 to 512 characters of well-formed Unicode without U+0000"`,
    )
    expect(name('x'.repeat(513))).toMatchInlineSnapshot(
      `"workflow.do: the step name: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has 513 characters; accepted is a string of 1 to 512 characters of well-formed Unicode without U+0000"`,
    )
    expect(name('a\0b')).toMatchInlineSnapshot(
      `"workflow.do: the step name: 'a\\u0000b' contains U+0000; accepted is a string of 1 to 512 characters of well-formed Unicode without U+0000"`,
    )
    expect(name('a\ud800b')).toMatchInlineSnapshot(
      `"workflow.do: the step name: 'a\\ud800b' contains an unpaired surrogate; accepted is a string of 1 to 512 characters of well-formed Unicode without U+0000"`,
    )
    expect(name(undefined)).toMatchInlineSnapshot(
      `"workflow.do: the step name: undefined was given; accepted is a string of 1 to 512 characters of well-formed Unicode without U+0000"`,
    )
    expect(name(5)).toMatchInlineSnapshot(
      `"workflow.do: the step name: 5 was given; accepted is a string of 1 to 512 characters of well-formed Unicode without U+0000"`,
    )
    expect(messageOf(() => assertRunId('r'.repeat(201)))).toMatchInlineSnapshot(
      `"the runId: 'rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr…' has 201 characters; accepted is a string of 1 to 200 characters of well-formed Unicode without U+0000"`,
    )
    expect(messageOf(() => assertRunId(''))).toMatchInlineSnapshot(
      `"the runId: an empty string was given; accepted is a string of 1 to 200 characters of well-formed Unicode without U+0000"`,
    )
    expect(messageOf(() => assertTags('demo'))).toMatchInlineSnapshot(
      `"tags: 'demo' was given; accepted is an array of strings"`,
    )
    expect(messageOf(() => assertTags(['a', 7]))).toMatchInlineSnapshot(
      `"tags[1]: 7 was given; accepted is a string of 1 to 200 characters of well-formed Unicode without U+0000"`,
    )
    expect(messageOf(() => assertTags(['a', '']))).toMatchInlineSnapshot(
      `"tags[1]: an empty string was given; accepted is a string of 1 to 200 characters of well-formed Unicode without U+0000"`,
    )
    expect(messageOf(() => assertTags(Array.from({ length: 51 }, String)))).toMatchInlineSnapshot(
      `"tags: 51 tags were given; accepted are up to 50"`,
    )
  })

  test('holes in tags are missing tags', () => {
    expect(messageOf(() => assertTags(Array(2)))).toContain('tags[0]: undefined was given')
  })

  test('good tags and run ids pass', () => {
    expect(() => assertTags([])).not.toThrow()
    expect(() => assertTags(['demo', 'größe'])).not.toThrow()
    expect(() => assertRunId('order/7 (2026)')).not.toThrow()
  })

  test('F33: an id that is not a UUID, or cannot be one at all, is merely unknown', () => {
    expect(isRunId('not-a-uuid')).toBe(true)
    expect([isRunId(''), isRunId('a\0'), isRunId('\udfff'), isRunId('x'.repeat(201)), isRunId(null)]).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
  })

  test('A10: what passes can be stored, and only that passes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const passes = messageOf(() => assertStepName(text)) === 'accepted'
        expect(passes).toBe(text.length > 0 && text.length <= 512 && isStorable(text))
      }),
    )
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff), { maxLength: 20 }), (units) => {
        const text = String.fromCharCode(...units)
        expect(isStorable(text)).toBe(!units.includes(0) && Buffer.from(text, 'utf8').toString('utf8') === text)
      }),
    )
  })

  test('anything at all is accepted or refused with INVALID_NAME', () => {
    fc.assert(fc.property(fc.anything(), (value) => void messageOf(() => assertName(value, 'name'))))
    fc.assert(fc.property(fc.anything(), (value) => void messageOf(() => assertTags(value))))
  })
})

describe('plainText', () => {
  test('shows what cannot be stored', () => {
    expect(plainText('a\0b\ud800c')).toBe('a␀b\ufffdc')
  })

  test('leaves good text alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(plainText(text)).toBe(text.replaceAll('\0', '␀'))
      }),
    )
  })

  test('A10: is storable and bounded whatever it is given', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), fc.constantFrom(1, 200), (units, times) => {
        const text = plainText(String.fromCharCode(...units).repeat(times))
        expect(isStorable(text) && text.length <= 10_000).toBe(true)
      }),
    )
    expect(plainText('😀'.repeat(6_000))).toHaveLength(10_000)
    expect(isStorable(plainText('x' + '😀'.repeat(6_000)))).toBe(true)
  })
})
