import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { topLevelKeys, workflowsKeys } from '../src/config/keys.ts'
import { readConfig } from '../src/config/config.ts'
import { Diagnostics, formatDiagnostic } from '../src/diagnostics.ts'
import { generate } from '../src/generate.ts'
import { filesOf, packageRoot, scratchFolder, writeFile, writeProject } from './fixtures.ts'

const fine = '"workflows": { "singleQueue": true }'

function errorsOf(config: string): string[] {
  const project = writeProject({ 'pikku.config.json': config })
  const before = filesOf(project)
  const { diagnostics, result } = generate(path.join(project, 'pikku.config.json'))
  expect(result).toBeUndefined()
  expect(filesOf(project)).toEqual(before)
  return diagnostics.map(formatDiagnostic)
}

describe('a bad configuration is refused, key by key', () => {
  test.each([
    ['', 'not valid JSON'],
    ['{', 'not valid JSON'],
    ['[]', 'found []; accepted: an object'],
    ['{}', 'workflows: missing; accepted: an object like'],
    ['{ "workflows": true }', 'workflows: found true; accepted: an object like'],
    ['{ "workflows": {} }', 'workflows.singleQueue: missing; accepted: true'],
    ['{ "workflows": { "singleQueue": "yes" } }', 'workflows.singleQueue: found "yes"; accepted: true'],
    [
      '{ "workflows": { "singleQueue": false } }',
      'found false; accepted: true (one queue pair for all workflows; false is not supported yet)',
    ],
    [
      '{ "workflows": { "singleQueue": true, "path": "a.js" } }',
      'workflows.path: found "a.js"; accepted: the path of a TypeScript file',
    ],
    ['{ "workflows": { "singleQueue": true, "path": "a.d.ts" } }', 'workflows.path: found "a.d.ts"'],
    [
      '{ "workflows": { "singleQueue": true, "pat": "a.ts" } }',
      "workflows.pat: unknown key; did you mean 'path'?; accepted: singleQueue, path",
    ],
    [
      '{ "workflows": { "singleQueue": true, "workerQueue": "a:b" } }',
      'workflows.workerQueue: found "a:b"; accepted: a queue name',
    ],
    [
      '{ "workflows": { "singleQueue": true, "workerQueue": "pikku-workflow-orchestrator" } }',
      'workflows.workerQueue: found "pikku-workflow-orchestrator", the orchestrator\'s queue',
    ],
    [`{ ${fine}, "toString": 1 }`, 'toString: unknown key; accepted: $schema, tsconfig'],
    [`{ ${fine}, ${fine} }`, 'workflows: found twice; accepted: once'],
    [`{ ${fine}, "outDir": "" }`, 'outDir: found ""; accepted: a path'],
    [`{ ${fine}, "srcDirectories": [] }`, 'srcDirectories: found []; accepted: a list of at least one path'],
    [`{ ${fine}, "srcDirectories": ["gone"] }`, 'srcDirectories: found "gone", which does not exist'],
    [
      `{ ${fine}, "services": "src/gone.ts" }`,
      'services: found "src/gone.ts", which does not exist; accepted: the module',
    ],
    [`{ ${fine}, "tsconfig": "gone.json" }`, 'tsconfig: found "gone.json", which cannot be read'],
  ])('%s', (config, expected) => {
    const errors = errorsOf(config)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(/^pikku\.config\.json(?::\d+:\d+)? - error: /)
    expect(errors[0]).toContain(expected)
  })

  test('every mistake at once, each at its place', () => {
    const config = [
      '{',
      '  "tsconfg": "x",',
      '  "services": 1,',
      '  "workflows": { "singleQueue": 1, "path": [] }',
      '}',
    ]
    expect(errorsOf(config.join('\n'))).toEqual([
      expect.stringMatching(/^pikku\.config\.json:2:3 - error: tsconfg: unknown key; did you mean 'tsconfig'/),
      expect.stringMatching(/^pikku\.config\.json:3:15 - error: services: found 1; accepted: a path/),
      expect.stringMatching(/^pikku\.config\.json:4:33 - error: workflows\.singleQueue: found 1;/),
      expect.stringMatching(/^pikku\.config\.json:4:44 - error: workflows\.path: found \[\];/),
    ])
  })

  test('a file that is not there, or is a folder', () => {
    const folder = scratchFolder()
    mkdirSync(path.join(folder, 'folder.json'))
    for (const name of ['gone.json', 'folder.json']) {
      const { diagnostics } = generate(path.join(folder, name))
      expect(diagnostics.map(formatDiagnostic)).toEqual([
        expect.stringMatching(`^${name} - error: cannot be read \\(E`),
      ])
    }
  })
})

test('defaults', () => {
  const project = writeProject({ 'pikku.config.json': `{ ${fine} }` })
  const config = readConfig(path.join(project, 'pikku.config.json'), new Diagnostics())
  expect(JSON.parse(JSON.stringify(config).replaceAll(project, ''))).toEqual({
    file: '/pikku.config.json',
    root: '',
    tsconfig: '/tsconfig.json',
    srcDirectories: ['/src'],
    services: '/src/services.ts',
    outDir: '/.pikku',
    output: '/src/workflows/pikku.workflows.gen.ts',
    orchestratorQueue: 'pikku-workflow-orchestrator',
    workerQueue: 'pikku-workflow-step-worker',
  })
})

test('the services module must export createSingletonServices', () => {
  const project = writeProject({ 'src/services.ts': 'export const createServices = async () => ({})' })
  const { diagnostics } = generate(path.join(project, 'pikku.config.json'))
  expect(diagnostics.map(formatDiagnostic)).toEqual([
    expect.stringMatching(/^src\/services\.ts - error: createSingletonServices is missing: export/),
  ])
})

test("a user's own file is not overwritten", () => {
  const mine = 'export const mine = 1\n'
  const project = writeProject({ 'src/workflows/pikku.workflows.gen.ts': mine })
  const { diagnostics } = generate(path.join(project, 'pikku.config.json'))
  expect(diagnostics.map(formatDiagnostic)).toEqual([
    expect.stringMatching(/^src\/workflows\/pikku\.workflows\.gen\.ts - error: this file was not made by pikku/),
  ])
  expect(readFileSync(path.join(project, 'src/workflows/pikku.workflows.gen.ts'), 'utf8')).toBe(mine)
})

test('what cannot be written is an error, not half a file', () => {
  const project = writeProject({})
  writeFile(path.join(project, '.pikku'), 'a file where a folder should be')
  const { diagnostics, result } = generate(path.join(project, 'pikku.config.json'))
  expect(result).toBeUndefined()
  expect(diagnostics.map(formatDiagnostic)).toEqual([
    expect.stringMatching(/^pikku\.config\.json - error: what it asks for cannot be written: E/),
  ])
})

test('the JSON schema knows the same keys', () => {
  const schema = JSON.parse(readFileSync(path.join(packageRoot, 'schema/pikku.config.schema.json'), 'utf8'))
  expect(Object.keys(schema.properties)).toEqual(Object.keys(topLevelKeys))
  expect(Object.keys(schema.properties.workflows.properties)).toEqual(Object.keys(workflowsKeys))
  expect(schema.required).toEqual(Object.keys(topLevelKeys).filter((key) => topLevelKeys[key]?.required))
  expect(schema.properties.workflows.required).toEqual(['singleQueue'])
})
