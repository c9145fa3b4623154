import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { docstringOf, prose } from './api-pages.ts'
import { checkAnchors } from './built-links.ts'
import { pagesOf, readGuide } from './guide.ts'
import { linkOnSite } from './page-links.ts'

test('docs/index.md lists every page of the guide, once', () => {
  expect(readGuide().flatMap(({ pages }) => pages).length).toBeGreaterThan(20)
  expect(pagesOf('adr').length).toBeGreaterThan(15)
})

test('a page that the guide does not list, or lists and is not there, or twice, is named', () => {
  const text = '# Guide\n\n## A\n\n- [B](b.md)\n- [C](c.md)\n\n## D\n\n- [B](b.md)\n'
  expect(() => readGuide(text, ['b.md', 'e.md'])).toThrow(
    'docs/index.md does not list e.md; lists c.md, which is not there; lists b.md twice',
  )
})

test('links to pages stay, what is no page is read in the repository', () => {
  const repository = 'https://github.com/pikku-org/pikku-workflows'
  expect(linkOnSite('steps.md', 'redis.md#memory')).toBe('redis.md#memory')
  expect(linkOnSite('steps.md', '#cancelling')).toBe('#cancelling')
  expect(linkOnSite('steps.md', 'https://nodejs.org')).toBe('https://nodejs.org')
  expect(linkOnSite('adr/0001-the-queue-is-a-doorbell.md', '../steps.md')).toBe('../steps.md')
  expect(linkOnSite('steps.md', '../SECURITY.md#the-network')).toBe(`${repository}/blob/main/SECURITY.md#the-network`)
  expect(linkOnSite('steps.md', 'examples/writing-a-store/')).toBe(
    `${repository}/tree/main/docs/examples/writing-a-store`,
  )
  expect(() => linkOnSite('steps.md', '../gone.ts')).toThrow('docs/steps.md: ../gone.ts leads nowhere')
})

test('a docstring is its summary, what is thrown, and its examples', () => {
  const comment =
    '/**\n * A run.\n *\n * `id`: its name.\n *\n * @throws\n *\n * `E` when\n * late\n *\n * @example\n *\n * await run()\n */\n'
  expect(docstringOf(comment)).toEqual({
    summary: 'A run.\n\n`id`: its name.',
    throws: ['`E` when late'],
    examples: ['await run()'],
  })
  expect(docstringOf('')).toEqual({ summary: '', throws: [], examples: [] })
})

test('names lead to where they are described, and nothing else in a docstring is markup', () => {
  const links = new Map([['Run', 'core.md#run']])
  expect(prose('a `Run` of <T>, not `Runs`, {{ x }}', links)).toBe(
    'a [`Run`](core.md#run) of &lt;T>, not `Runs`, {<!-- -->{ x }}',
  )
})

test('a link of the built site that leads nowhere is found', () => {
  const dist = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-site-'))
  try {
    fs.mkdirSync(path.join(dist, 'api'))
    fs.writeFileSync(
      path.join(dist, 'index.html'),
      '<h1 id="top"></h1><a href="/api/core#run">r</a> <a href="#top">t</a>',
    )
    fs.writeFileSync(
      path.join(dist, 'api/core.html'),
      '<a href="/#top">t</a> <a href="../gone">g</a> <a href="#run">r</a>',
    )
    expect(checkAnchors(dist)).toEqual([
      'index.html: /api/core#run leads nowhere',
      'api/core.html: ../gone leads nowhere',
      'api/core.html: #run leads nowhere',
    ])
  } finally {
    fs.rmSync(dist, { recursive: true, force: true })
  }
})
