import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkContents } from './package-contents.ts'

const manifest = {
  name: '@pikku/some',
  description: 'Some',
  keywords: ['some'],
  license: 'MIT',
  repository: 'r',
  homepage: 'h',
  bugs: 'b',
  engines: { node: '>=22.12' },
  sideEffects: false,
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
}
const files = ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']

function found(names: readonly string[], more: Record<string, unknown> = {}): string[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-package-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  for (const name of names) {
    fs.mkdirSync(path.join(folder, path.dirname(name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), '')
  }
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ ...manifest, ...more }))
  return checkContents(folder, '@pikku/some').map(({ message }) => message)
}

test('a package as it should be', () => {
  expect(found([...files, 'dist/template/src/api.ts', 'dist/template/test/a.test.ts'])).toEqual([])
})

test('what is missing is found', () => {
  expect(found(['README.md', 'dist/index.js'], { homepage: undefined })).toEqual([
    'has no homepage',
    'has no LICENSE',
    'promises ./dist/index.d.ts, which is not in it',
  ])
  expect(found(files, { bin: { some: 'dist/some.js' } })).toEqual(['promises dist/some.js, which is not in it'])
})

test('what does not belong there is found', () => {
  const unwanted = ['src/index.ts', 'dist/a.test.js', 'dist/a.test-d.d.ts', 'tsup.config.ts', 'dist/a.ts']
  expect(found([...files, ...unwanted])).toHaveLength(unwanted.length)
  expect(found(files, { dependencies: { a: 'workspace:^' }, peerDependencies: { b: 'catalog:' } })).toEqual([
    'asks for a workspace:^, which no registry knows',
    'asks for b catalog:, which no registry knows',
  ])
  const exports = { '.': { 'pikku-source': './src/index.ts', default: './dist/index.js' } }
  expect(found(files, { exports })).toEqual([
    'promises ./src/index.ts, which is not in it',
    'exports sources that are not in it (pikku-source)',
  ])
})
