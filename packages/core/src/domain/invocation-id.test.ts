import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { v5 } from 'uuid'
import { describe, expect, test } from 'vitest'
import { invocationId } from './invocation-id.ts'

/** RFC 9562, section 5.5, by hand. */
function uuid5(name: string, namespace: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name, 'utf8')
    .digest()
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

describe('invocationId', () => {
  test("the RFC's example (appendix A.4)", () => {
    expect(v5('www.example.com', v5.DNS)).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2')
    expect(uuid5('www.example.com', v5.DNS)).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2')
  })

  test('is a UUIDv5 of run, ordinal and name', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: 'grapheme' }),
        fc.nat(),
        (runId, name, ordinal) => {
          const expected = uuid5(`${runId.length}:${runId}${ordinal}:${name}`, 'b3c6f5f2-6c1d-4a8e-9d0e-5f0c2a7e41d3')
          expect(invocationId(runId, { name, ordinal })).toBe(expected)
        },
      ),
    )
  })

  test('never changes: the outside world has these keys', () => {
    expect(invocationId('run-1', { name: 'Charge card', ordinal: 0 })).toMatchInlineSnapshot(
      `"04158acd-ed7b-588e-9d70-170f82e12237"`,
    )
    expect(invocationId('run-1', { name: 'Charge card', ordinal: 1 })).toMatchInlineSnapshot(
      `"dad7f768-db7d-59d5-a8b0-3715b10e2244"`,
    )
    expect(invocationId('läuft', { name: '😀', ordinal: 0 })).toMatchInlineSnapshot(
      `"bca9fc7e-41bd-52bd-9e4b-a30811285cf9"`,
    )
  })

  test('different steps have different ids, however names and ids are cut', () => {
    const text = fc.stringMatching(/^[0-3:a]{0,4}$/)
    fc.assert(
      fc.property(text, text, fc.nat(12), text, text, fc.nat(12), (runA, nameA, ordinalA, runB, nameB, ordinalB) => {
        const same = runA === runB && nameA === nameB && ordinalA === ordinalB
        expect(
          invocationId(runA, { name: nameA, ordinal: ordinalA }) ===
            invocationId(runB, { name: nameB, ordinal: ordinalB }),
        ).toBe(same)
      }),
      { numRuns: 2_000 },
    )
  })
})
