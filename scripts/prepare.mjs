import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { root, seconds, withOneRetry } from './tools.mjs'

/** Inside node_modules, so that it goes when they go. */
const stamp = path.join(root, 'node_modules', '.installed')

/** Installs every package's dependencies, unless nothing that decides them has changed since the last time. */
export async function installPackages(children, { env }, say) {
  const wanted = fingerprint()
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return
  say('installing dependencies')
  const started = Date.now()
  // trust: the age of every version was checked when the lockfile was made; again would take a request for each of them.
  // confirm: without a terminal pnpm would not dare to replace modules that another pnpm has installed.
  const args = ['install', '--frozen-lockfile', '--trust-lockfile', '--config.confirmModulesPurge=false']
  await withOneRetry(children, say, async () => {
    const code = await children.run('pnpm', args, { env, cwd: root })
    if (code !== 0) throw new Error(`pnpm install failed (exit code ${code})`)
  })
  fs.writeFileSync(stamp, wanted)
  say(`dependencies installed (${seconds(started)})`)
}

/** Builds what has changed since the last build. */
export async function buildPackages(children, { env }, say) {
  const started = Date.now()
  const turbo = path.join(root, 'tooling', 'node_modules', '.bin', 'turbo')
  const args = ['run', 'build', '--output-logs=new-only', '--ui=stream', '--no-update-notifier']
  const code = await children.run(turbo, args, { env, cwd: root })
  if (code !== 0) throw new Error(`the build failed (exit code ${code})`)
  say(`built (${seconds(started)})`)
}

function fingerprint() {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\0`)
  for (const file of manifests())
    hash
      .update(`${file}\0`)
      .update(fs.readFileSync(path.join(root, file)))
      .update('\0')
  return hash.digest('hex')
}

/** The lockfile, the workspace file and the package.json of every package that the latter names. */
function manifests() {
  const workspace = 'pnpm-workspace.yaml'
  const list = /^packages:\n((?:  - .+\n)+)/m.exec(fs.readFileSync(path.join(root, workspace), 'utf8'))
  if (!list) throw new Error(`${workspace} does not begin with a list of packages`)
  const patterns = [...list[1].matchAll(/- (.+)/g)].map((match) => match[1])
  const packages = ['.', ...patterns.flatMap(foldersOf)].map((folder) => path.posix.join(folder, 'package.json'))
  return ['pnpm-lock.yaml', workspace, ...packages.sort()].filter((file) => fs.existsSync(path.join(root, file)))
}

/** `packages/*` → its folders; anything else is a folder itself. */
function foldersOf(pattern) {
  if (!pattern.endsWith('/*')) return [pattern]
  const parent = pattern.slice(0, -2)
  if (!fs.existsSync(path.join(root, parent))) return []
  return fs.readdirSync(path.join(root, parent)).map((name) => `${parent}/${name}`)
}
