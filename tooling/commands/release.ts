// `pnpm release <step>`: what turns changesets into versions on a registry (CONTRIBUTING.md, "Releasing").
//   version            changesets become versions and changelogs; commit what it writes
//   publish            every version that the registry does not have goes there, and is tagged here
//   snapshot <tag>     publish what is here as 0.0.0-<tag>-<time>, under the tag <tag>; nothing here stays changed
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import path from 'node:path'
import { exitCode, onInterruption } from './interruption.ts'

const root = path.resolve(import.meta.dirname, '../..')
const tool = (name: string) => path.join(root, 'tooling/node_modules/.bin', name)
const changeset = tool('changeset')

/** What runs at the moment. */
let child: ChildProcess | undefined
const interrupted = onInterruption((signal) => child?.kill(signal))

async function run(program: string, ...args: string[]): Promise<void> {
  if (interrupted()) throw new Error('interrupted')
  child = spawn(program, args, { cwd: root, stdio: 'inherit' })
  const code = await exitCode(child)
  if (code !== 0) throw new Error(`${path.basename(program)} ${args.join(' ')} ended with ${code}`)
}

const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' })

/** What is published is what is committed. */
function assertNothingUncommitted(): void {
  const changed = git('status', '--porcelain').trimEnd()
  if (changed !== '') throw new Error(`commit or remove this first:\n${changed}`)
}

const steps: Readonly<Record<string, (...args: string[]) => Promise<void>>> = {
  async version() {
    await run(changeset, 'version')
    await run(tool('prettier'), '--write', '--log-level=warn', 'packages/*/CHANGELOG.md', 'packages/*/package.json')
    await run('pnpm', 'install', '--lockfile-only')
  },
  async publish() {
    assertNothingUncommitted()
    await run(changeset, 'publish')
  },
  async snapshot(tag = '') {
    if (!/^[a-z][a-z0-9-]*$/.test(tag)) throw new Error('snapshot needs a tag: pnpm release snapshot next')
    assertNothingUncommitted()
    try {
      await run(changeset, 'version', '--snapshot', tag)
      await run(changeset, 'publish', '--no-git-tag', '--tag', tag)
    } finally {
      git('restore', '.')
      git('clean', '--force', '--quiet', '--', 'packages/*/CHANGELOG.md')
    }
  },
}

const [name = '', ...args] = process.argv.slice(2)
const step = steps[name]
let code = 0
try {
  if (!step) throw new Error(`pnpm release ${Object.keys(steps).join(' | ')}`)
  await step(...args)
} catch (error) {
  code = 1
  if (!interrupted()) console.error(error instanceof Error ? error.message : error)
}
process.exit(code)
