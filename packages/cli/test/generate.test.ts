import type * as NodeFs from 'node:fs'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { generate } from '../src/generate.ts'
import { filesOf, projectOf, scratchFolder, writeFile, writeProject } from './fixtures.ts'

/** How the file system lists folders: as it does, or backwards. */
const listing = vi.hoisted(() => ({ backwards: false, listed: 0 }))

vi.mock('node:fs', async (original) => {
  const actual = await original<typeof NodeFs>()
  const readdirSync = (...args: Parameters<typeof actual.readdirSync>) => {
    listing.listed++
    const entries = actual.readdirSync(...args)
    return listing.backwards ? entries.reverse() : entries
  }
  return { ...actual, readdirSync }
})

const outputs = ['src/workflows/pikku.workflows.gen.ts', '.pikku/workflows.json']

function outputsOf(project: string): string[] {
  generate(path.join(project, 'pikku.config.json'))
  return outputs.map((file) => readFileSync(path.join(project, file), 'utf8'))
}

describe('the same app gives the same bytes', () => {
  test('in another folder, without a trace of where it is', () => {
    const [here, there] = [scratchFolder(), scratchFolder()]
    const first = outputsOf(projectOf('app', here))
    const second = outputsOf(projectOf('app', path.join(there, 'further', 'in')))
    expect(second).toEqual(first)
    expect(first.join('')).not.toContain(here)
    expect(first.join('')).not.toContain('\r')
  })

  test('whatever order the file system lists files in', () => {
    const expected = outputsOf(projectOf('app'))
    const project = projectOf('app')
    onTestFinished(() => void (listing.backwards = false))
    listing.backwards = true
    listing.listed = 0
    expect(outputsOf(project)).toEqual(expected)
    expect(listing.listed).toBeGreaterThan(0)
  })

  test('whatever the line ends of the sources', () => {
    const lf = projectOf('resolution')
    const crlf = projectOf('resolution')
    for (const [name, text] of Object.entries(filesOf(crlf)))
      writeFile(path.join(crlf, name), text.replaceAll('\n', '\r\n'))
    const generated = (project: string) => {
      expect(generate(path.join(project, 'pikku.config.json')).result).toBeDefined()
      return readFileSync(path.join(project, 'src/gen.ts'), 'utf8')
    }
    expect(generated(crlf)).toBe(generated(lf))
  })
})

test('a file is written only when its text changed', () => {
  const project = projectOf('app')
  const pass = () => generate(path.join(project, 'pikku.config.json')).result?.written
  const written = outputs.map((file) => path.join(project, file))
  expect(pass()).toEqual(written)
  const inodes = () => written.map((file) => statSync(file).ino)
  const before = inodes()
  expect(pass()).toEqual([])
  expect(inodes()).toEqual(before)
  writeFile(path.join(project, 'src/other.ts'), 'export const other = 1\n')
  expect(pass()).toEqual([])
})

test('an error leaves the previous files in place', () => {
  const project = projectOf('app')
  const before = outputsOf(project)
  const users = path.join(project, 'src/functions/users.ts')
  writeFile(users, readFileSync(users, 'utf8').replace('<Mail, void>', ''))
  expect(generate(path.join(project, 'pikku.config.json')).result).toBeUndefined()
  expect(outputs.map((file) => readFileSync(path.join(project, file), 'utf8'))).toEqual(before)
  expect(Object.keys(filesOf(project)).filter((file) => file.endsWith('.tmp'))).toEqual([])
})

test('200 files take well under a second', () => {
  const one = (
    n: number,
  ) => `import { pikkuSessionlessFunc, pikkuWorkflowFunc, wireWorkflow } from './workflows/pikku.workflows.gen.js'

export interface Input${n} { id: string; lines: { sku: string; count: number }[] }

export const save${n} = pikkuSessionlessFunc<Input${n}, { saved: boolean }>(async ({ logger }, { id, lines }) => {
  for (const line of lines) logger.info(\`\${id} \${line.sku}\`)
  return { saved: true }
})

const flow = pikkuWorkflowFunc<Input${n}, boolean>(async ({ workflow }, data) => {
  const { saved } = await workflow.do('Save', 'save${n}', data, { retries: 3 })
  await workflow.sleep('Wait', '5s')
  return saved
})
wireWorkflow({ name: 'flow${n}', func: flow })
`
  const project = writeProject(
    Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`src/file${n}.ts`, one(n)] as const)),
  )
  const began = performance.now()
  const { result } = generate(path.join(project, 'pikku.config.json'))
  const tookMs = performance.now() - began
  expect(result?.model.workflows).toHaveLength(200)
  // Reported, not asserted: it says how fast this machine is as much as how fast we are.
  console.log(`200 files, 200 functions, 200 workflows: ${tookMs.toFixed(0)} ms`)
})
