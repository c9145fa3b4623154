import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkDoor, doors, undocumented } from './api-report.ts'

const declarations = `/** What is left. */
export declare function left(): number
`

/** A package with these declarations, and the report of others. */
function found(now: string, reported = declarations): string[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-api-report-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }))
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "name": "@pikku/some", "version": "1.0.0", "type": "module" }')
  const door = {
    packageFolder: folder,
    specifier: '@pikku/some',
    types: './index.d.ts',
    report: path.join(folder, 'etc/some.api.md'),
  }
  const scratch = path.join(folder, 'scratch')
  fs.writeFileSync(path.join(folder, 'index.d.ts'), reported)
  expect(checkDoor(door, { update: true, scratch })).toEqual([])
  fs.writeFileSync(path.join(folder, 'index.d.ts'), now)
  return checkDoor(door, { update: false, scratch }).map(({ message }) => message)
}

test('a change of the public types is found', () => {
  expect(found(declarations)).toEqual([])
  const changed = [expect.stringContaining('the public types have changed')]
  expect(found(declarations.replace('number', 'string'))).toEqual(changed)
  expect(found(`${declarations}\n/** More. */\nexport declare const more: 1\n`)).toEqual(changed)
})

test('what has no docstring is found, with its owner', () => {
  const report = [
    '// @public (undocumented)',
    '// (undocumented)',
    'export interface Clock {',
    '    // (undocumented)',
    '    readonly live: boolean;',
    '    now(): number;',
    '}',
    'export class TestClock implements Clock {',
    '    // (undocumented)',
    '    now(): number;',
    '}',
  ]
  expect(undocumented(report.join('\n'))).toEqual(['Clock', 'Clock.live'])
})

test('every way into the packages has a report', () => {
  const missing = doors().filter(({ report }) => !fs.existsSync(report))
  expect(missing.map(({ specifier }) => specifier)).toEqual([])
  expect(doors().map(({ specifier }) => specifier)).toContain('@pikku/core/contract')
})
