import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { formatDiagnostic, generate } from '@pikku/cli'
import { expect, onTestFinished, test } from 'vitest'
import { Notebook } from './notebook.ts'

const fine = '"workflows": { "singleQueue": true }'

/** Configurations as a user may write them, by what is wrong. */
const configurations: Readonly<Record<string, string | undefined>> = {
  'no file': undefined,
  'an empty file': '',
  'no JSON': '{ workflows: yes }',
  'an array': '[]',
  'an empty object': '{}',
  'workflows: true': '{ "workflows": true }',
  'no singleQueue': '{ "workflows": {} }',
  'singleQueue: "yes"': '{ "workflows": { "singleQueue": "yes" } }',
  'singleQueue: false': '{ "workflows": { "singleQueue": false } }',
  'path: "a.js"': '{ "workflows": { "singleQueue": true, "path": "a.js" } }',
  'path: 7': '{ "workflows": { "singleQueue": true, "path": 7 } }',
  'a misspelt key': '{ "workflows": { "singleQueue": true, "pat": "a.ts" } }',
  'a misspelt key above': `{ ${fine}, "tsconfg": "tsconfig.json" }`,
  'a queue name that no queue takes': '{ "workflows": { "singleQueue": true, "workerQueue": "a:b" } }',
  'one queue for both': '{ "workflows": { "singleQueue": true, "workerQueue": "q", "orchestratorQueue": "q" } }',
  'a key twice': `{ ${fine}, ${fine} }`,
  'srcDirectories: []': `{ ${fine}, "srcDirectories": [] }`,
  'srcDirectories that are not there': `{ ${fine}, "srcDirectories": ["gone"] }`,
  'services that are not there': `{ ${fine}, "services": "src/gone.ts" }`,
  'a tsconfig that is not there': `{ ${fine}, "tsconfig": "gone.json" }`,
}

test('pikku.config.json', async () => {
  const notes = new Notebook()
  for (const [given, text] of Object.entries(configurations)) {
    const folder = mkdtempSync(path.join(tmpdir(), 'pikku-config-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    mkdirSync(path.join(folder, 'src'))
    writeFileSync(path.join(folder, 'tsconfig.json'), '{}')
    writeFileSync(path.join(folder, 'src/services.ts'), 'export const createSingletonServices = async () => ({})\n')
    if (text !== undefined) writeFileSync(path.join(folder, 'pikku.config.json'), text)
    const before = readdirSync(folder, { recursive: true })
    const { diagnostics, result } = generate(path.join(folder, 'pikku.config.json'))
    expect(result, given).toBeUndefined()
    expect(readdirSync(folder, { recursive: true }), 'nothing was written').toEqual(before)
    notes.add(given, diagnostics.map((each) => formatDiagnostic(each).replaceAll(folder, '<folder>')).join('\n'))
  }
  await notes.check('configuration')
})
