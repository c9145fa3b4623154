import { symlinkSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { topLevelKeys, workflowsKeys } from '../src/config/keys.ts'
import { formatDiagnostic } from '../src/diagnostics.ts'
import { generate } from '../src/generate.ts'
import { filesOf, writeFile, writeProject } from './fixtures.ts'

const fine = { workflows: { singleQueue: true, path: 'src/workflows/pikku.workflows.gen.ts' } }
const breaksOut = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

/** One pass over this configuration: it is taken, or refused in lines a terminal can show, with nothing written. */
function passOver(project: string, config: string): readonly string[] {
  const file = path.join(project, 'pikku.config.json')
  writeFile(file, config)
  const before = filesOf(project)
  const began = process.cpuUsage()
  const { diagnostics, result } = generate(file)
  const { user, system } = process.cpuUsage(began)
  expect((user + system) / 1_000, 'milliseconds of the processor').toBeLessThan(10_000)
  const lines = diagnostics.map(formatDiagnostic)
  expect(lines.filter((line) => breaksOut.test(line) || !line.isWellFormed())).toEqual([])
  for (const line of lines) expect(line.length).toBeLessThan(2_000)
  if (result === undefined) {
    expect(lines.length).toBeGreaterThan(0)
    expect(lines[0]).toMatch(/- error: .*accepted: |- error: /)
    expect(filesOf(project)).toEqual(before)
  }
  return lines
}

/** Only below the project: some of it is written to. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replace(/^[/\\.]+/, '')),
  fc.constantFrom('', '.', '..', 'src', 'src/gone', 'a\nb', '\u001b[2J', '\0', '\ud800', 'x'.repeat(5_000)),
  fc.constantFrom('src/a.ts', 'src/a.mts', 'src/a.d.ts', '-rf', '$(id)', '`id`', 'a;b', '%s', 'con', 'src/../src', './src', 'src/*', '**/*', 'file:///src'),
) // prettier-ignore

const anyJson = fc.oneof(
  anyText,
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    0,
    -0,
    1e308,
    true,
    false,
    null,
    [],
    {},
    [[]],
    [null],
    { toString: 1 },
    ['src', 7],
    ['src', ''],
  ),
)

const anyKey = fc.oneof(
  fc.constantFrom(...Object.keys(topLevelKeys), ...Object.keys(workflowsKeys)),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'workflow',
    'WORKFLOWS',
    '',
    'extends',
    '\u001b[31m',
    'a\nb',
    'k'.repeat(5_000),
  ),
)

test('any JSON is taken, or refused with nothing written', () => {
  const project = writeProject({})
  const top = fc.dictionary(anyKey, anyJson, { maxKeys: 4 })
  const inside = fc.dictionary(anyKey, anyJson, { maxKeys: 4 })
  fc.assert(
    fc.property(top, inside, fc.boolean(), (changed, workflows, whole) => {
      passOver(
        project,
        JSON.stringify({ ...fine, ...changed, workflows: whole ? workflows : { ...fine.workflows, ...workflows } }),
      )
    }),
    { numRuns: 150 },
  )
})

test('any text is taken, or refused with nothing written', () => {
  const project = writeProject({})
  const text = JSON.stringify(fine)
  const cut = fc.tuple(fc.nat(text.length), fc.nat(text.length), anyText)
  fc.assert(
    fc.property(
      fc.oneof(
        anyText,
        cut.map(([from, to, put]) => text.slice(0, from) + put + text.slice(to)),
      ),
      (config) => {
        passOver(project, config)
      },
    ),
    { numRuns: 150 },
  )
})

test('what text files come as', () => {
  const project = writeProject({})
  const text = JSON.stringify(fine)
  expect(passOver(project, `\ufeff${text}`)).toEqual([])
  expect(passOver(project, text.replaceAll(',', ',\r\n'))).toEqual([])
  expect(passOver(project, `// a comment\n${text.slice(0, -1)}/* and another */}`)).toEqual([])
  expect(passOver(project, `${text.slice(0, -1)},}`)[0]).toMatch(/not valid JSON/)
  expect(passOver(project, `${text}${text}`)[0]).toMatch(/not valid JSON/)
  expect(passOver(project, `{"workflows":{"singleQueue":true,"singleQueue":true}}`)[0]).toMatch(
    /singleQueue: found twice/,
  )
  expect(passOver(project, `{"__proto__":{"workflows":{"singleQueue":true}}}`).join()).toMatch(/__proto__: unknown key/)
  expect(passOver(project, `{"a\\u001b[2J\\nb":1,"workflows":{"singleQueue":true}}`).join()).toMatch(
    /a\\u001b\[2J\\u000ab: unknown key/,
  )
  const utf16 = Buffer.from(text, 'utf16le').toString('latin1')
  expect(passOver(project, utf16)[0]).toMatch(/not valid JSON/)
})

test('size and depth are no bombs', () => {
  const project = writeProject({})
  const deep = 50_000
  const bombs = [
    '['.repeat(deep),
    '['.repeat(deep) + ']'.repeat(deep),
    `{"workflows":${'{"workflows":'.repeat(deep)}1${'}'.repeat(deep)}}`,
    `{"workflows":{"singleQueue":true},"tsconfig":${'['.repeat(deep)}${']'.repeat(deep)}}`,
    `{"workflows":{"singleQueue":true},"srcDirectories":[${Array(100_000).fill('"src"').join()}]}`,
    `{"workflows":{"singleQueue":true}${',"unknown":1'.repeat(2_000)}}`,
    `{"workflows":{"singleQueue":true},"services":"${'s'.repeat(1_000_000)}"}`,
    `{"workflows":{"singleQueue":true},"$schema":"${'s'.repeat(5_000_000)}"}`,
    ' '.repeat(5_000_000),
    `"${'\\u0041'.repeat(500_000)}`,
    `/*${'*'.repeat(2_000_000)}`,
  ]
  for (const bomb of bombs) passOver(project, bomb)
  expect(passOver(project, '['.repeat(deep))).toEqual([
    'pikku.config.json:1:1 - error: nests too deeply to be read; accepted: an object with the keys of pikku.config.json',
  ])
})

test('a tsconfig that extends itself, or what is no tsconfig, is an error of the tsconfig', () => {
  const loops: readonly Record<string, string>[] = [
    { 'tsconfig.json': '{ "extends": "./tsconfig.json" }' },
    { 'tsconfig.json': '{ "extends": "./a.json" }', 'a.json': '{ "extends": "./b.json" }', 'b.json': '{ "extends": ["./a.json"] }' },
    { 'tsconfig.json': '{ "extends": "./gone.json" }' },
    { 'tsconfig.json': '{ "extends": 7 }' },
    { 'tsconfig.json': '{ "compilerOptions": 7 }' },
    { 'tsconfig.json': '{ "compilerOptions": { "paths": 7, "baseUrl": [] } }' },
    { 'tsconfig.json': '[]' },
    { 'tsconfig.json': 'null' },
    { 'tsconfig.json': '' },
    { 'tsconfig.json': '\u001b[2J' },
    { 'tsconfig.json': `{ "extends": ${'['.repeat(20_000)}` },
  ] // prettier-ignore
  for (const files of loops) passOver(writeProject(files), JSON.stringify(fine))
})

test('folders that lead in a circle, and files that are none', () => {
  const project = writeProject({ 'src/deep/a.ts': 'export const a = 1' })
  symlinkSync(path.join(project, 'src'), path.join(project, 'src/deep/again'))
  symlinkSync('itself', path.join(project, 'src/itself'))
  symlinkSync('gone.ts', path.join(project, 'src/broken.ts'))
  passOver(project, JSON.stringify({ ...fine, srcDirectories: ['src', 'src', './src/deep/..', 'src/deep'] }))
  for (const srcDirectories of [['src/itself'], ['pikku.config.json'], ['/dev/null'], ['src/\0'], ['.']]) {
    passOver(project, JSON.stringify({ ...fine, srcDirectories }))
  }
  expect(passOver(project, JSON.stringify({ ...fine, srcDirectories: ['pikku.config.json'] }))).toContain(
    'pikku.config.json - error: srcDirectories: found "pikku.config.json", which is no folder; accepted: folders of TypeScript files',
  )
})

test('source with names and texts meant for a terminal: every message stays one line', () => {
  const evil = '\\u001b[2J\\nFAKE - error: nothing'
  const project = writeProject({
    'src/evil.ts': [
      `import { pikkuWorkflowFunc, wireWorkflow } from './workflows/pikku.workflows.gen.js'`,
      `const func = pikkuWorkflowFunc<void, void>(async ({ workflow }) => { await workflow.do('a', '${evil}', 1) })`,
      `export const w = func`,
      `wireWorkflow({ name: '${evil}', func })`,
      `wireWorkflow({ name: '${evil}', func })`,
      `wireWorkflow({ name: '', func })`,
      `wireWorkflow({ name: '\\ud800', func: ${'a'.repeat(10_000)} })`,
    ].join('\n'),
  })
  expect(passOver(project, JSON.stringify(fine)).length).toBeGreaterThan(1)
})
