import { existsSync, globSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { isThere, root, slowParts } from './parts.ts'

test('each part has a name of its own, and is there', () => {
  const names = slowParts.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(slowParts.filter((part) => !isThere(part))).toEqual([])
})

test.each(slowParts)('$name: what it runs is there', ({ run, minutes }) => {
  const [program = '', ...args] = run(minutes)
  expect(existsSync(path.join(root, program))).toBe(true)
  // An argument of vitest may be the beginning of a path.
  const files = args.filter((argument) => /^(packages|conformance|e2e|docs)\//.test(argument))
  expect(files.filter((file) => globSync(`${file}*`, { cwd: root }).length === 0)).toEqual([])
})
