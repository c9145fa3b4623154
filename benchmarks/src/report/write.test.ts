import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { pinnedVersions } from '../peers.ts'
import { replaceBetween } from './write.ts'

const page = fs.readFileSync(path.resolve(import.meta.dirname, '../../BENCHMARKS.md'), 'utf8')

test('the results are replaced, everything around them stays', () => {
  const once = replaceBetween(page, 'table', 'one')
  const twice = replaceBetween(once, 'table', 'two')
  expect(twice).toBe(replaceBetween(page, 'table', 'two'))
  expect(twice).toContain('-->\n\ntwo\n\n<!--')
  expect(twice).toContain('## How to read it')
})

test('both kinds of results have their place on the page', () => {
  for (const part of ['table', 'growth']) expect(replaceBetween(page, part, 'x')).not.toBe(page)
  expect(() => replaceBetween(page, 'other', 'x')).toThrow('other')
})

test('the page names the versions of the peers that are pinned', () => {
  const drawing = ['vega', 'vega-lite']
  for (const [name, version] of Object.entries(pinnedVersions())) {
    expect(version, name).toMatch(/^\d/)
    if (drawing.includes(name) || name.endsWith('-clients')) continue
    expect(page).toContain(`\`${name}\` ${version}`)
  }
})
