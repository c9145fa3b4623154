import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareStepIds, describeStep, stepKey } from './step-id.ts'

const stepId = fc.record({ name: fc.oneof(fc.string(), fc.stringMatching(/^[0-9:#]{0,5}$/)), ordinal: fc.nat(20) })

describe('stepKey', () => {
  test('different ids have different keys', () => {
    fc.assert(
      fc.property(stepId, stepId, (a, b) => {
        expect(stepKey(a) === stepKey(b)).toBe(a.name === b.name && a.ordinal === b.ordinal)
      }),
    )
    expect(stepKey({ name: '1:a', ordinal: 1 })).not.toBe(stepKey({ name: 'a', ordinal: 11 }))
  })
})

describe('describeStep', () => {
  test('names the step as its author knows it', () => {
    expect(describeStep({ name: 'Charge card', ordinal: 0 })).toBe("'Charge card'")
    const uses = [1, 2, 3, 9, 10, 11, 12, 20, 21, 100, 110, 111, 121].map((ordinal) =>
      describeStep({ name: 'same', ordinal }),
    )
    expect(uses).toMatchInlineSnapshot(`
      [
        "'same' (2nd use)",
        "'same' (3rd use)",
        "'same' (4th use)",
        "'same' (10th use)",
        "'same' (11th use)",
        "'same' (12th use)",
        "'same' (13th use)",
        "'same' (21st use)",
        "'same' (22nd use)",
        "'same' (101st use)",
        "'same' (111th use)",
        "'same' (112th use)",
        "'same' (122nd use)",
      ]
    `)
  })

  test('stays on one line', () => {
    expect(describeStep({ name: `it's\n"two" lines\0`, ordinal: 0 })).toMatchInlineSnapshot(
      `"'it\\'s\\n"two" lines\\u0000'"`,
    )
    expect(describeStep({ name: 'x'.repeat(512), ordinal: 0 }).length).toBeLessThan(100)
  })
})

describe('compareStepIds', () => {
  test('is a total order', () => {
    fc.assert(
      fc.property(stepId, stepId, stepId, (a, b, c) => {
        expect(Math.sign(compareStepIds(a, b))).toBe(-Math.sign(compareStepIds(b, a)) + 0)
        expect(compareStepIds(a, b) === 0).toBe(stepKey(a) === stepKey(b))
        if (compareStepIds(a, b) <= 0 && compareStepIds(b, c) <= 0) expect(compareStepIds(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })

  test('orders uses of a name by number', () => {
    const ids = [10, 9, 2].map((ordinal) => ({ name: 'a', ordinal }))
    expect(ids.toSorted(compareStepIds).map((id) => id.ordinal)).toEqual([2, 9, 10])
  })
})
