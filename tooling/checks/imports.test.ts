import { expect, test } from 'vitest'
import { checkImports } from './imports.ts'
import { sourceFiles } from './source-files.ts'

const messages = (path: string, text: string) => checkImports([{ path, text }]).map(({ message }) => message)
const core = (file: string) => `packages/core/src/${file}`

test.each([
  ['contract', '../domain/a.ts'],
  ['domain', '../replay/a.ts'],
  ['domain', '../memory/a.ts'],
  ['replay', '../engine/a.ts'],
  ['memory', '../replay/a.ts'],
  ['engine', '../memory/a.ts'],
  ['engine', '../define/a.ts'],
  ['engine', '../index.ts'],
  ['define', '../engine/a.ts'],
  ['service', '../replay/a.ts'],
  ['engine', '../testing/a.ts'],
  ['testing', '../index.ts'],
])('core: %s does not import %s', (layer, specifier) => {
  const [only, ...more] = messages(core(`${layer}/file.ts`), `import { a } from '${specifier}'`)
  expect(only).toMatch(new RegExp(`^${layer} does not import `))
  expect(more).toEqual([])
})

test.each([
  ['domain', '../contract/a.ts'],
  ['replay', '../domain/a.ts'],
  ['engine', '../contract/a.ts'],
  ['engine', '../replay/a.ts'],
  ['memory', '../domain/a.ts'],
  ['testing', '../memory/a.ts'],
  ['service', '../engine/a.ts'],
  ['engine', './other.ts'],
  ['engine', 'node:crypto'],
])('core: %s imports %s', (layer, specifier) => {
  expect(messages(core(`${layer}/file.ts`), `import { a } from '${specifier}'`)).toEqual([])
})

test.each(['vitest', 'vitest/node', 'node:test', '@jest/globals', 'mocha'])(
  'core: the kit does not import %s',
  (runner) => {
    const text = `import { test } from '${runner}'`
    expect(messages(core('testing/file.ts'), text)).toEqual(['the kit imports no test runner: it is handed one'])
    expect(messages(core('testing/file.test.ts'), text)).toEqual([])
  },
)

test('core: the entry point sees everything but testing', () => {
  expect(messages(core('index.ts'), `export { a } from './engine/a.ts'`)).toEqual([])
  expect(messages(core('index.ts'), `export { a } from './testing/a.ts'`)).toEqual(['index does not import testing'])
})

test('core: types, re-exports and dynamic imports are imports', () => {
  for (const text of [
    `import type { A } from '../engine/a.ts'`,
    `export type { A } from '../engine/a.ts'`,
    `export * from '../engine/a.ts'`,
    `const a = await import('../engine/a.ts')`,
    `import '../engine/a.ts'`,
  ]) {
    expect(messages(core('domain/file.ts'), text), text).toEqual(['domain does not import engine'])
  }
})

test('core: the engine sees the types of definitions', () => {
  expect(messages(core('engine/file.ts'), `import type { A } from '../define/a.ts'`)).toEqual([])
})

test('core: a folder the architecture does not know is an error', () => {
  expect(messages(core('helpers/file.ts'), `import { a } from './a.ts'`)[0]).toMatch(/no place in the architecture/)
})

test('core does not import other packages of the repository', () => {
  expect(messages(core('engine/file.ts'), `import { a } from '@pikku/pg'`)).toEqual(['core does not import @pikku/pg'])
})

test.each([
  [`import fs from 'node:fs'`, 'node:fs'],
  [`import fs from 'fs'`, 'fs'],
  [`export const a = Date.now()`, 'Date.now'],
  [`export const a = new Date()`, 'new Date()'],
  [`export const a = performance.now()`, 'performance'],
  [`export const a = Math.random()`, 'Math.random'],
  [`setTimeout(() => {}, 1)`, 'setTimeout'],
  [`export const a = process.env`, 'process'],
  [`export const a = { process }`, 'process'],
  [`export const a = globalThis`, 'globalThis'],
  [`export const a = crypto.randomUUID()`, 'crypto'],
])('pure folders: %s', (text, what) => {
  for (const layer of ['contract', 'domain', 'replay']) {
    expect(messages(core(`${layer}/file.ts`), text)).toEqual([expect.stringContaining(what)])
    expect(messages(core(`${layer}/file.test.ts`), text)).toEqual([])
  }
  expect(messages(core('engine/file.ts'), text)).toEqual([])
})

test('pure folders: names of properties, comments and strings are no use of a global', () => {
  const text = `// process.env, Date.now()
    export interface A { process: string; setTimeout(): void }
    export const a = (b: A) => ({ process: b.process, text: 'Math.random()', date: new Date(0) })`
  expect(messages(core('domain/file.ts'), text)).toEqual([])
})

test.each(['packages/pg', 'packages/redis', 'packages/queue-pg-boss', 'packages/queue-bullmq'])('%s', (adapter) => {
  const ask = (file: string, specifier: string) => messages(`${adapter}/${file}`, `import { a } from '${specifier}'`)
  expect(ask('src/file.ts', '@pikku/core/contract')).toEqual([])
  expect(ask('src/file.ts', 'some-driver')).toEqual([])
  for (const specifier of [
    '@pikku/core',
    '@pikku/core/service',
    '@pikku/core/testing',
    '@pikku/core/dist/x.js',
    '@pikku/cli',
  ]) {
    expect(ask('src/file.ts', specifier), specifier).toHaveLength(1)
  }
  for (const facade of ['src/pg-workflow-service.ts', 'src/pg-boss-queue-workers.ts']) {
    expect(ask(facade, '@pikku/core/service')).toEqual([])
    expect(ask(facade, '@pikku/core/testing')).toHaveLength(1)
  }
  expect(ask('src/file.test.ts', '@pikku/core/testing')).toEqual([])
  expect(ask('test/conformance.test.ts', '@pikku/core/testing')).toEqual([])
})

test('cli: only types of core', () => {
  expect(messages('packages/cli/src/file.ts', `import type { A } from '@pikku/core'`)).toEqual([])
  expect(messages('packages/cli/src/file.ts', `import { type A } from '@pikku/core'`)).toEqual([])
  expect(messages('packages/cli/src/file.ts', `import { a, type A } from '@pikku/core'`)).toHaveLength(1)
  expect(messages('packages/cli/src/file.ts', `import '@pikku/core'`)).toHaveLength(1)
})

test('templates: published packages only', () => {
  expect(messages('templates/workflows/src/file.ts', `import { a } from '@pikku/pg'`)).toEqual([])
  expect(messages('templates/workflows/src/file.ts', `import { a } from '@pikku/tooling/postgres'`)).toHaveLength(1)
  expect(messages('templates/workflows/src/file.ts', `import { a } from '../../../packages/pg/src/a.ts'`)).toHaveLength(
    1,
  )
})

test('no package reaches into another by a relative path, tests included', () => {
  expect(messages('packages/pg/src/a.test.ts', `import { a } from '../../core/src/index.ts'`)).toHaveLength(1)
})

test('cycles are found, type imports included', () => {
  const found = checkImports([
    { path: core('engine/a.ts'), text: `import { b } from './b.ts'` },
    { path: core('engine/b.ts'), text: `import type { C } from './c.ts'` },
    { path: core('engine/c.ts'), text: `export * from './a.ts'` },
  ])
  expect(found.map(({ message }) => message)).toEqual(['import cycle: a.ts → b.ts → c.ts → a.ts'])
})

test('findings carry the line', () => {
  const [found] = checkImports([{ path: core('domain/a.ts'), text: `// one\n\nimport '../engine/a.ts'\n` }])
  expect(found).toMatchObject({ path: core('domain/a.ts'), line: 3 })
})

test('the files of the repository are seen at all', () => {
  expect(sourceFiles().map(({ path }) => path)).toContain('packages/core/src/contract/workflow-store.ts')
})
