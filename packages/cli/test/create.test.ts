import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { create, type Creation } from '../src/create/create.ts'
import { cutFor } from '../src/create/cut.ts'
import { installerOf } from '../src/create/installer.ts'
import { storeNames, stores } from '../src/create/stores.ts'
import { generate } from '../src/index.ts'
import { compile } from './compiler.ts'
import { filesOf, packageRoot } from './fixtures.ts'

const source = path.resolve(packageRoot, '../../templates/workflows')
let scratch: string
let printed: string[]

beforeEach(() => {
  scratch = mkdtempSync(path.join(tmpdir(), 'pikku-create-'))
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }))
  printed = []
  for (const stream of ['log', 'error'] as const) {
    vi.spyOn(console, stream).mockImplementation((line: unknown) => void printed.push(String(line)))
  }
})
afterEach(() => vi.restoreAllMocks())

/** The template as it is in the package, but for its versions. */
function packed(): string {
  const template = path.join(scratch, 'template')
  const left = /(^|\/)(node_modules|\.pikku|\.gitignore)$|\.gen\.ts$/
  cpSync(source, template, { recursive: true, filter: (file) => !left.test(file) })
  cpSync(path.join(source, '.gitignore'), path.join(template, 'gitignore'))
  return template
}

async function created(given: Partial<Creation>): Promise<{ code: number; folder: string; installed: string[] }> {
  const folder = path.join(scratch, 'My App')
  const installed: string[] = []
  const install = async (where: string) => (installed.push(where), 0)
  const code = await create({ folder, template: packed(), interactive: false, install, ...given })
  return { code, folder, installed }
}

describe.each(storeNames)('an app on %s', (store) => {
  test('names its own packages only, and those of no other store', async () => {
    const { code, folder, installed } = await created({ store })
    expect({ code, installed }).toEqual({ code: 0, installed: [folder] })
    const files = filesOf(folder)
    const manifest = JSON.parse(files['package.json'] ?? '')
    expect(manifest).toMatchObject({ name: 'my-app', private: true })
    expect(manifest).not.toHaveProperty('license')
    const [other] = storeNames.filter((name) => name !== store)
    const others = stores[other ?? 'pg'].packages
    for (const name of stores[store].packages) expect(manifest.dependencies).toHaveProperty(name)
    for (const [file, text] of Object.entries(files)) {
      expect(text, file).not.toMatch(/#(end)?region/)
      for (const name of others) expect(text, file).not.toContain(`'${name}'`)
    }
    expect(files['package.json']).not.toMatch(store === 'pg' ? /redis|bullmq/ : /postgres|pg-boss/)
    expect(files['README.md']).not.toMatch(store === 'pg' ? /redis/i : /postgres/i)
    expect(files['README.md']).toContain(stores[store].setting)
    expect(files['.gitignore']).toContain('node_modules/')
  })

  test('is accepted by pikku and by the compiler', async () => {
    const { folder } = await created({ store })
    symlinkSync(path.join(source, 'node_modules'), path.join(folder, 'node_modules'))
    expect(generate(path.join(folder, 'pikku.config.json')).diagnostics).toEqual([])
    expect(await compile(folder)).toBe('')
  }, 60_000)

  test('says which two commands come next', async () => {
    const { folder } = await created({ store })
    expect(printed.at(-1)).toBe(`\nThen:\n\n  cd "${folder}"\n  ${stores[store].setting} npm run demo\n`)
  })
})

test('with nobody to ask, the store is PostgreSQL, and the folder has to be named', async () => {
  const { folder } = await created({})
  expect(readFileSync(path.join(folder, 'package.json'), 'utf8')).toContain('@pikku/pg')
  await expect(created({ folder: undefined })).rejects.toThrow(
    'which folder? npx @pikku/cli create <dir> [--store pg|redis]',
  )
})

test('nothing is written into a folder that has something in it', async () => {
  const folder = path.join(scratch, 'taken')
  mkdirSync(path.join(folder, '.git'), { recursive: true })
  writeFileSync(path.join(folder, 'notes.txt'), 'mine')
  await expect(created({ folder, store: 'pg' })).rejects.toThrow(`${folder} is not empty (notes.txt)`)
  expect(filesOf(folder)).toEqual({ 'notes.txt': 'mine' })
  await expect(created({ folder: path.join(folder, 'notes.txt') })).rejects.toThrow(
    'is there already, and is no folder',
  )
  rmSync(path.join(folder, 'notes.txt'))
  expect((await created({ folder, store: 'pg' })).code).toBe(0)
})

test.each([
  ['npm/11.0.0 node/v24.0.0', 'npm', {}],
  ['', 'npm', {}],
  ['pnpm/12.21.0 npm/? node/v24.0.0', 'pnpm', { 'pnpm-workspace.yaml': expect.stringContaining('esbuild: false') }],
  ['yarn/4.18.1 npm/? node/v24.0.0', 'yarn', { '.yarnrc.yml': 'nodeLinker: node-modules\n', 'yarn.lock': '' }],
  ['bun/1.3.0 npm/? node/v24.0.0', 'bun', {}],
])('under %j the packages are installed by %s', async (userAgent, installer, settings) => {
  expect(installerOf(userAgent)).toBe(installer)
  const by: string[] = []
  const install = async (_folder: string, given: string) => (by.push(given), 0)
  const { folder } = await created({ installer: installerOf(userAgent), install })
  expect(by).toEqual([installer])
  const known = ['pnpm-workspace.yaml', '.yarnrc.yml', 'yarn.lock']
  const written = Object.entries(filesOf(folder)).filter(([name]) => known.includes(name))
  expect(Object.fromEntries(written)).toEqual(settings)
})

test('an installation that fails is told, with its exit code', async () => {
  const { code, folder } = await created({ install: async () => 7 })
  expect(code).toBe(7)
  expect(printed.at(-1)).toBe(
    `the packages could not be installed (exit code 7); the app is written: try again in ${folder}`,
  )
})

test('what is cut', () => {
  const text =
    'a\n\n// #region pg\n\np\n// #endregion\n\n<!-- #region redis -->\nr\n<!-- #endregion -->\n// #region shown\ns\n// #endregion\n'
  expect(cutFor('pg', text)).toBe('a\n\np\n\ns\n')
  expect(cutFor('redis', text)).toBe('a\n\nr\ns\n')
  expect(() => cutFor('pg', '// #region pg\n')).toThrow('region pg of the template has no end')
  expect(() => cutFor('pg', '// #endregion\n')).toThrow('has not begun')
})
