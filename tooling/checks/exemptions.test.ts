import { expect, test } from 'vitest'
import { applyExemptions } from './exemptions.ts'

const tooLong = (name: string, size: number) => ({
  message: `The function \`${name}\` has too many lines (${size}). Maximum allowed is 60.`,
  code: 'eslint(max-lines-per-function)',
  filename: 'packages/a/src/a.ts',
  labels: [{ span: { line: 7 } }],
})
const exemption = { file: 'packages/a/src/a.ts', rule: 'max-lines-per-function', function: 'long', size: 80 }

test('what is exempt is no finding', () => {
  expect(applyExemptions([tooLong('long', 80)], [exemption])).toEqual([])
})

test('what is not exempt is a finding with its line', () => {
  expect(applyExemptions([tooLong('other', 80)], [])).toMatchObject([{ path: 'packages/a/src/a.ts', line: 7 }])
  expect(applyExemptions([tooLong('other', 80), tooLong('long', 80)], [exemption])).toHaveLength(1)
})

test('what is exempt may not grow', () => {
  expect(applyExemptions([tooLong('long', 81)], [exemption])[0]?.message).toContain('(81)')
})

test('what has shrunk has to be written down', () => {
  expect(applyExemptions([tooLong('long', 70)], [exemption])[0]?.message).toContain('write 70')
})

test('an exemption that nothing needs has to go', () => {
  expect(applyExemptions([], [exemption])[0]?.message).toContain('remove it')
})

test('only sizes can be exempt', () => {
  const other = { ...tooLong('long', 80), code: 'typescript(no-explicit-any)' }
  expect(applyExemptions([other], [{ ...exemption, rule: 'no-explicit-any' }])).toHaveLength(2)
})
