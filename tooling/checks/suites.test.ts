import { expect, test } from 'vitest'
import { checkImports } from './imports.ts'
import { sourceFiles } from './source-files.ts'
import { checkSuites } from './suites.ts'

const files = sourceFiles(['packages'])
const messages = (given: typeof files) => checkSuites(given).map(({ path, message }) => `${path}: ${message}`)

test('every package that implements a port calls the suites of that port', () => {
  expect(messages(files)).toEqual([])
})

const calls = {
  'packages/core': ['defineWorkflowStoreTests', 'defineModelTests', 'defineEngineTests', 'defineQueueServiceTests'],
  'packages/pg': ['defineWorkflowStoreTests', 'defineModelTests', 'defineEngineTests'],
  'packages/redis': ['defineWorkflowStoreTests', 'defineModelTests', 'defineEngineTests'],
  'packages/queue-pg-boss': ['defineQueueServiceTests', 'defineEngineTests'],
  'packages/queue-bullmq': ['defineQueueServiceTests', 'defineEngineTests'],
}
const each = Object.entries(calls).flatMap(([folder, suites]) => suites.map((suite) => [folder, suite] as const))

test.each(each)('%s without its calls of %s is found', (folder, suite) => {
  const own = files.filter((file) => file.path.startsWith(`${folder}/`))
  const without = own.map((file) =>
    file.path.endsWith('.test.ts')
      ? { ...file, text: file.text.replaceAll(new RegExp(`^(\\s*)${suite}\\(`, 'gm'), '$1void (') }
      : file,
  )
  const found = messages(without)
  expect(found).not.toEqual([])
  for (const message of found) expect(message).toMatch(new RegExp(`^${folder}/package.json: .* calls ${suite}$`))
})

test('a new adapter that calls nothing is found', () => {
  const text = `import type { WorkflowStore } from '@pikku/core/contract'\nexport class MyStore implements WorkflowStore {}`
  expect(messages([{ path: 'packages/mysql/src/my-store.ts', text }])).toEqual([
    'packages/mysql/package.json: it implements WorkflowStore, and no test of it calls defineWorkflowStoreTests',
    'packages/mysql/package.json: it implements WorkflowStore, and no test of it calls defineModelTests',
    'packages/mysql/package.json: it implements WorkflowStore, and no test of it calls defineEngineTests',
  ])
})

test('so is one that hides what it implements', () => {
  const text = `import type { QueueService } from '@pikku/core/contract'\nexport const open = (): QueueService => ({})`
  expect(messages([{ path: 'packages/queue-nats/src/index.ts', text }])).toEqual([
    'packages/queue-nats/package.json: it sees the ports of core; no class of it implements WorkflowStore or QueueService',
  ])
})

test('a suite of its own under the name of one of the kit does not count', () => {
  const source = { path: 'packages/a/src/a.ts', text: `class A implements QueueService {}` }
  const own = {
    path: 'packages/a/test/a.test.ts',
    text: `import { defineEngineTests } from './own.ts'\ndefineEngineTests()`,
  }
  expect(messages([source, own])).toHaveLength(2)
})

test('no file of the kit imports a test runner', () => {
  const kit = files.filter(({ path }) => path.startsWith('packages/core/src/testing/'))
  expect(kit.length).toBeGreaterThan(50)
  expect(checkImports(kit).filter(({ message }) => message.includes('test runner'))).toEqual([])
  const spoiled = kit.map((file) => ({ ...file, text: `import { test } from 'vitest'\n${file.text}` }))
  expect(checkImports(spoiled).some(({ message }) => message.includes('test runner'))).toBe(true)
})
