import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatDiagnostic } from '../src/diagnostics.ts'
import { generate } from '../src/generate.ts'
import { compile } from './compiler.ts'
import { filesOf, fixtures, projectOf, writeFile } from './fixtures.ts'

const update = process.env['UPDATE_FIXTURES'] === '1'

const projects = readdirSync(fixtures)

/** Projects with what is generated from them in `out`; `UPDATE_FIXTURES=1` accepts what is generated now. */
describe('generates what it did', () => {
  test.each(projects)('%s', (name) => {
    const project = projectOf(name)
    const before = filesOf(project)
    const { diagnostics } = generate(path.join(project, 'pikku.config.json'))
    const generated = Object.fromEntries(Object.entries(filesOf(project)).filter(([file]) => !(file in before)))
    if (diagnostics.length > 0)
      generated['diagnostics.txt'] = diagnostics.map((one) => `${formatDiagnostic(one)}\n`).join('')

    const golden = path.join(fixtures, name, 'out')
    if (update) {
      rmSync(golden, { recursive: true, force: true })
      for (const [file, text] of Object.entries(generated)) writeFile(path.join(golden, file), text)
    }
    expect(generated).toEqual(filesOf(golden))
    expect(Object.fromEntries(Object.entries(filesOf(project)).filter(([file]) => file in before))).toEqual(before)
  })
})

describe('compiles', () => {
  test.each(projects.filter((name) => name !== 'diagnostics'))('%s', async (name) => {
    const project = projectOf(name)
    expect(generate(path.join(project, 'pikku.config.json')).result).toBeDefined()
    expect(await compile(project)).toBe('')
  })
})
