import { expect, test } from 'vitest'
import { Specifiers, specifierStyle } from './specifier.ts'

test.each([
  [{}, 'none'],
  [{ module: 'nodenext' }, 'js'],
  [{ module: 'Node20' }, 'js'],
  [{ module: 'esnext', moduleResolution: 'bundler' }, 'none'],
  [{ module: 'preserve' }, 'none'],
  [{ module: 'commonjs', moduleResolution: 'node16' }, 'js'],
  [{ moduleResolution: 'node10' }, 'none'],
  [{ module: 'nodenext', allowImportingTsExtensions: true }, 'ts'],
  [{ module: 'nodenext', rewriteRelativeImportExtensions: true }, 'ts'],
] as const)('%o: %s', (compilerOptions, style) => {
  expect(specifierStyle({ compilerOptions })).toBe(style)
})

test.each([
  ['js', ['./b.js', '../c.js', './d/e.mjs', './f.cjs', './g.js']],
  ['none', ['./b', '../c', './d/e.mjs', './f.cjs', './g']],
  ['ts', ['./b.ts', '../c.ts', './d/e.mts', './f.cts', './g.tsx']],
] as const)('%s', (style, expected) => {
  const specifiers = new Specifiers('/app/src/gen.ts', style)
  const files = ['/app/src/b.ts', '/app/c.ts', '/app/src/d/e.mts', '/app/src/f.cts', '/app/src/g.tsx']
  expect(files.map((file) => specifiers.to(file))).toEqual(expected)
})
