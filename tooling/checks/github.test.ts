import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { checkWorkflows, commandsOf, requiredCommands, type Repository } from './github.ts'
import { root, type SourceFile } from './source-files.ts'

const read = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8')
const folder = '.github/workflows'
const workflows: readonly SourceFile[] = fs
  .readdirSync(path.join(root, folder))
  .map((name) => ({ path: `${folder}/${name}`, text: read(`${folder}/${name}`) }))

const words = (text: string | undefined): ReadonlySet<string> =>
  new Set([...(text ?? '').matchAll(/'([^']+)'|^ {2}(\w+):/gm)].map(([, quoted, key]) => quoted ?? key ?? ''))

const manifest = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const repository: Repository = {
  exists: (file) => fs.existsSync(path.join(root, file)),
  scripts: new Set(Object.keys(manifest.scripts)),
  commands: words(/^const ownCommands = (\[[^\]]+\])/m.exec(read('scripts/run.mjs'))?.[1]),
  checks: words(/^const checks: .* = \{\n([\s\S]*?)^\}/m.exec(read('tooling/commands/check.ts'))?.[1]),
  programs: (name) => {
    const bin = path.join(root, name.replace('@pikku/', ''), 'node_modules/.bin')
    return fs.existsSync(bin) ? new Set(fs.readdirSync(bin)) : null
  },
}

const linesOf = (file: string): readonly string[] =>
  workflows.filter(({ path: name }) => name === `${folder}/${file}`).flatMap((workflow) =>
    commandsOf(workflow).map((command) => command.words.join(' ')),
  ) // prettier-ignore

test('what workflows call is there', () => {
  expect(workflows.flatMap((workflow) => commandsOf(workflow)).length).toBeGreaterThan(12)
  expect(checkWorkflows(workflows, repository)).toEqual([])
})

test('they run what has to be green before anything is merged', () => {
  const required = requiredCommands(read('.ci/run'))
  expect(required).toEqual(['node scripts/run.mjs check', 'npm test', 'node scripts/run.mjs rehearse --quick'])
  // The whole rehearsal has all of the quick one.
  const inFull = required.map((command) => command.replace(' --quick', ''))
  expect(linesOf('release.yml')).toEqual(expect.arrayContaining([...inFull]))
  // The tests on the Node of the matrix: `npm test` would take the pinned one.
  const onThatNode = inFull.map((command) => (command === 'npm test' ? 'node tooling/commands/test.ts' : command))
  expect(linesOf('ci.yml')).toEqual(expect.arrayContaining(onThatNode))
})

test('the matrix begins with the oldest versions that are promised', () => {
  const ci = read(`${folder}/ci.yml`)
  const readme = read('README.md')
  const promised = (pattern: RegExp): string | undefined => pattern.exec(readme)?.[1]
  expect(/node: \[(\d+)/.exec(ci)?.[1]).toBe(promised(/Node (\d+)\.\d+ or newer/))
  const [oldest] = [...ci.matchAll(/postgres: '(.+?)', redis: '(.+?)'/g)]
  expect(oldest?.slice(1)).toEqual([promised(/PostgreSQL (\d+) or newer/), promised(/Redis ([\d.]+) or newer/)])
})

const messages = (command: string): readonly string[] =>
  checkWorkflows([{ path: 'a.yml', text: `steps:\n  - run: ${command}\n` }], repository).map(
    ({ line, message }) => `${line}: ${message}`,
  )

test.each([
  ['npm run nothing', "2: package.json has no script 'nothing'"],
  ['npm test -- packages/nothing', '2: there is no packages/nothing'],
  ['node nothing.mjs', '2: there is no nothing.mjs'],
  ['node scripts/run.mjs nothing', "2: scripts/run.mjs has no command 'nothing'"],
  ['node scripts/run.mjs check nothing', "2: there is no check 'nothing'"],
  ['node scripts/run.mjs --filter @pikku/nothing exec changeset', '2: there is no package @pikku/nothing'],
  ['node scripts/run.mjs --filter @pikku/tooling exec nothing', "2: @pikku/tooling has no program 'nothing'"],
  ['make all', "2: 'make' is neither a script of this repository nor known here"],
  ['|', '2: a step is one command; what is longer is a script of the repository'],
])('%s is found', (command, message) => {
  expect(messages(command)).toEqual([message])
})

test.each(['npm test', 'npm test -- packages/pg', 'node scripts/run.mjs check types lint', 'docker run x'])(
  '%s is fine',
  (command) => {
    expect(messages(command)).toEqual([])
  },
)
