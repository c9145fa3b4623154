import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { anchorsOf, checkLinks, checkNamedCode, checkNamedTests } from './links.ts'
import { markdownFiles, root } from './source-files.ts'

const exists = (file: string): boolean => fs.existsSync(path.join(root, file))
const read = (file: string): string | null => (exists(file) ? fs.readFileSync(path.join(root, file), 'utf8') : null)

const pages = markdownFiles()

test('every link of every page leads to a file, and its anchor to a heading', () => {
  expect(pages.length).toBeGreaterThan(40)
  expect(checkLinks(pages, exists)).toEqual([])
})

test('every test that says what is shown is there', () => {
  const security = pages.filter((page) => page.path === 'SECURITY.md')
  expect(security[0]?.text.match(/` › /g)?.length).toBeGreaterThan(20)
  expect(checkNamedTests(security, read)).toEqual([])
})

test('what readers are sent to look at in a file is in it', () => {
  const found = pages.flatMap(({ text }) => text.match(/`[#\w.]+` (?:in|of) \[[^\]]+\]\([^)#]+\.(?:ts|lua)\)/g) ?? [])
  expect(found.length).toBeGreaterThan(2)
  expect(checkNamedCode(pages, read)).toEqual([])
  const page = { path: 'docs/a.md', text: 'see `gone` in [a.ts](../src/a.ts)' }
  expect(checkNamedCode([page], () => 'here').map(({ message }) => message)).toEqual(['there is no gone in src/a.ts'])
})

const messages = (text: string): readonly string[] =>
  checkLinks(
    [
      { path: 'docs/a.md', text },
      { path: 'docs/b.md', text: '# One two\n\n## `code`, and more!\n\n## One two\n' },
    ],
    (file) => ['docs/a.md', 'docs/b.md', 'src'].includes(file),
  ).map(({ line, message }) => `${line}: ${message}`)

test('links that lead nowhere are found, with their line', () => {
  expect(messages('# A\n\n[b](b.md) [c](c.md)')).toEqual(['3: c.md leads nowhere: there is no docs/c.md'])
  expect(messages('[b](b.md#three)')).toEqual(['1: b.md#three leads nowhere: docs/b.md has no heading #three'])
  expect(messages('[own](#b)\n\n# A')).toEqual(['1: #b leads nowhere: docs/a.md has no heading #b'])
  expect(messages('[out](../../x.md)')).toEqual(['1: ../../x.md leads out of the repository'])
  expect(messages('[c]: c.md')).toEqual(['1: c.md leads nowhere: there is no docs/c.md'])
})

test('links that lead somewhere are none, nor is what stands in code', () => {
  expect(messages('[b](b.md#code-and-more) [again](b.md#one-two-1) [src](../src) [web](https://a.b/c#d)')).toEqual([])
  expect(messages('`[c](c.md)`\n\n```text\n[c](c.md)\n```\n')).toEqual([])
})

test('anchors are made as GitHub makes them', () => {
  const text =
    '# Who can: what?\n\n## A – b\n\n```text\n# not this\n```\n\n## [A link](x.md) here\n\n<a id="own"></a>\n'
  expect([...anchorsOf(text)]).toEqual(['who-can-what', 'a--b', 'a-link-here', 'own'])
})

test('a test that is not there is found', () => {
  const page = { path: 'P.md', text: '| x | `a.test.ts` › one<br>`a.test.ts` › two |\n\nand `b.test.ts` › three; more' }
  const found = checkNamedTests([page], (file) => (file === 'a.test.ts' ? "test('one', …)" : null))
  expect(found.map(({ line, message }) => `${line}: ${message}`)).toEqual([
    "1: a.test.ts has no test called 'two'",
    '3: there is no b.test.ts',
  ])
})
