import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'

/** What is compared with. Nothing of it is a dependency of this repository: it is installed here when it is needed. */
export const peersFolder = path.resolve(import.meta.dirname, '../peers')

export const peerNames = ['dbos', 'openworkflow', 'absurd', 'restate'] as const
export type PeerName = (typeof peerNames)[number]

/** The versions that are pinned, by package. */
export function pinnedVersions(): Readonly<Record<string, string>> {
  const manifest = JSON.parse(fs.readFileSync(path.join(peersFolder, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  return manifest.dependencies
}

/** Inside node_modules, so that it goes when they go. */
const stamp = path.join(peersFolder, 'node_modules', '.installed')

export function arePeersInstalled(): boolean {
  return fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === fingerprint()
}

/** Installs the peers and what draws the pictures, as the lockfile says, unless they are there. No script of theirs runs. */
export function installPeers(say: (line: string) => void): void {
  if (arePeersInstalled()) return
  say('installing the peers (once)')
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status, error } = spawnSync('npm', args, { cwd: peersFolder, stdio: ['ignore', 'ignore', 'inherit'] })
  if (error) throw error
  if (status !== 0) throw new Error(`npm ci in benchmarks/peers ended with ${status}`)
  fs.writeFileSync(stamp, fingerprint())
}

/**
 * Absurd keeps its schema out of its npm package: `absurdctl` (PyPI) brings it. The file `ABSURD_SQL` stands in for it
 * where PyPI cannot be reached: `sql/absurd.sql` of its repository.
 *
 * @throws Error that says what to do
 */
export function initAbsurd(url: string, run: (text: string) => Promise<unknown>): Promise<unknown> {
  const file = process.env['ABSURD_SQL']
  if (file) return run(fs.readFileSync(file, 'utf8'))
  const version = pinnedVersions()['absurd-sdk'] ?? ''
  const init = ['init', '-d', url]
  const tries = [
    ['absurdctl', ...init],
    ['uvx', `absurdctl@${version}`, ...init],
  ]
  for (const [program = '', ...args] of tries) {
    if (spawnSync(program, args, { stdio: 'ignore', timeout: 60_000 }).status === 0) return Promise.resolve()
  }
  return Promise.reject(
    new Error(`its schema comes with absurdctl ${version} (PyPI), which is not here: install it, or set ABSURD_SQL`),
  )
}

function fingerprint(): string {
  const lock = fs.readFileSync(path.join(peersFolder, 'package-lock.json'))
  return createHash('sha256').update(`${process.platform}-${process.arch}`).update(lock).digest('hex')
}
