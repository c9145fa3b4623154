import { expect, test } from 'vitest'
import { assertNodeVersion } from './node-version.ts'

test.each(['18.20.4', '20.20.2', '22.0.0', '22.11.9'])(
  'Node.js %s is refused, by name and with what is needed',
  (node) => {
    expect(() => assertNodeVersion(node)).toThrow(
      expect.objectContaining({
        code: 'CONFIGURATION',
        message: `@pikku/core needs Node.js 22.12.0 or newer; this process runs ${node} (${process.execPath})`,
      }),
    )
  },
)

test.each(['22.12.0', '22.23.3', '24.0.0', '26.10.0'])('Node.js %s will do', (node) => {
  expect(() => assertNodeVersion(node)).not.toThrow()
})
