import { expect, test } from 'vitest'
import { checkPage } from './pages.ts'
import { markdownFiles } from './source-files.ts'

test.each(markdownFiles())('$path: files and commands that it names are there', (page) => {
  expect(checkPage(page)).toEqual([])
})

test.each([
  ['see `packages/pg/test/gone.test.ts`', 'there is no packages/pg/test/gone.test.ts'],
  ['`npm test -- conformance/gone`', 'there is no conformance/gone'],
  ['`pnpm figures pg`', "there is no command 'pnpm figures'"],
  ['```text\npnpm gone --minutes 1\n```', "there is no command 'pnpm gone'"],
  ['`pnpm verify:slow --only mutants,gone`', 'verify:slow has no part gone'],
])('%j is found', (text, problem) => {
  expect(checkPage({ path: 'README.md', text })).toEqual([problem])
})

test('what is there is not', () => {
  const text = [
    '`packages/*/src`, `docs/examples/writing-a`, `conformance/mutants/run.ts`',
    '`pnpm chaos --seed 1`, `pnpm verify:slow --only mutants`, and `pnpm` alone',
  ].join('\n')
  expect(checkPage({ path: 'README.md', text })).toEqual([])
})
