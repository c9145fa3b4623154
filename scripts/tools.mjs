import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

const nodeVersion = '24.21.0'
const pnpmVersion = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).packageManager.split('@')[1]
const home = path.join(root, '.tools')

const npmFlags = [
  ...['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--no-update-notifier', '--no-progress'],
  ...['--ignore-scripts', '--loglevel=error', '--prefer-offline'],
  // By default npm waits minutes before it asks again.
  ...['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=10000', '--fetch-timeout=60000'],
]

/**
 * Brings the pinned Node and pnpm from the npm registry into `.tools/`, unless they are there.
 *
 * @param {import('./children.mjs').Children} children
 * @param {(line: string) => void} say
 * @returns {Promise<{ node: string, env: NodeJS.ProcessEnv }>} the Node to go on with, and the environment for it
 */
export async function bringTools(children, say) {
  const target = path.join(home, `node-${nodeVersion}-pnpm-${pnpmVersion}-${process.platform}-${process.arch}`)
  if (!fs.existsSync(target)) {
    say(`bringing Node ${nodeVersion} and pnpm ${pnpmVersion} from the npm registry into .tools/ (once, about 90 MB)`)
    const started = Date.now()
    const progress = setInterval(() => say(`still on it (${seconds(started)})`), 5_000)
    try {
      await withOneRetry(children, say, () => installTools(children, target))
    } finally {
      clearInterval(progress)
    }
    say(`they are there (${seconds(started)})`)
  }
  const bin = path.join(target, 'bin')
  return { node: path.join(bin, 'node'), env: environment(bin) }
}

/** Prepared beside its place and then renamed into it: what is in its place is whole. */
async function installTools(children, target) {
  fs.mkdirSync(home, { recursive: true })
  removeAbandoned()
  const unfinished = fs.mkdtempSync(path.join(home, `unfinished-${process.pid}-`))
  try {
    const packages = [`node-${process.platform}-${process.arch}@${nodeVersion}`, `pnpm@${pnpmVersion}`]
    const [command, ...prefix] = npm()
    const args = [...prefix, 'install', '--prefix', unfinished, ...npmFlags, ...packages]
    const code = await children.run(command, args, { env: environment(), cwd: unfinished })
    if (code !== 0) throw new Error(`npm could not install ${packages.join(' and ')} (exit code ${code})`)
    linkPrograms(unfinished)
    fs.chmodSync(unfinished, 0o755)
    moveInto(target, unfinished)
  } finally {
    fs.rmSync(unfinished, { recursive: true, force: true })
  }
}

/** One folder with just the two programs, to be put on PATH. */
function linkPrograms(folder) {
  const modules = path.join(folder, 'node_modules')
  const exe = fs.readdirSync(path.join(modules, '@pnpm')).find((name) => name.startsWith('exe.'))
  const programs = {
    node: path.join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node'),
    // Not the pnpm in `.bin`: without install scripts that one is a shell script that not everybody can execute.
    pnpm: path.join(modules, '@pnpm', exe ?? 'exe', 'pnpm'),
  }
  const bin = path.join(folder, 'bin')
  fs.mkdirSync(bin)
  for (const [name, program] of Object.entries(programs)) {
    if (!runs(program)) {
      if (name !== 'node' || !isRecent(process.versions.node)) throw new Error(cannotRun(name))
      fs.symlinkSync(process.execPath, path.join(bin, name))
    } else {
      fs.symlinkSync(path.relative(bin, program), path.join(bin, name))
    }
  }
}

const cannotRun = (name) =>
  `The ${name} that npm brought does not run on this machine (${process.platform}-${process.arch}, ${os.release()}). ` +
  `On Alpine, start this with Node 22.18 or newer; it is then used instead.`

/** What the tools of this repository ask for at least. */
function isRecent(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 18)
}

function runs(program) {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false // The exit code is the answer.
  }
}

function moveInto(target, unfinished) {
  try {
    fs.renameSync(unfinished, target)
  } catch (error) {
    if (!fs.existsSync(target)) throw error // Else another process was faster, with the same content.
  }
}

/** What a killed process left behind. */
function removeAbandoned() {
  for (const name of fs.readdirSync(home)) {
    const pid = Number(/^unfinished-(\d+)-/.exec(name)?.[1])
    if (pid && !isAlive(pid)) fs.rmSync(path.join(home, name), { recursive: true, force: true })
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The npm that started us where there is one; under another package manager or none, the npm on PATH. */
function npm() {
  const started = process.env.npm_execpath
  return started && path.basename(started) === 'npm-cli.js' ? [process.execPath, started] : ['npm']
}

/**
 * Our environment without what npm adds for its scripts: a second npm, and pnpm, would take those as settings.
 * A home that cannot be written to gets its caches here.
 */
function environment(bin) {
  const env = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (/^npm_(package_|lifecycle_|command$|execpath$|node_execpath$)/.test(name)) continue
    if (/^npm_config_(user_agent|local_prefix|global_prefix|prefix|node_gyp|npm_version|nodedir)$/.test(name)) continue
    if (name === 'NODE_ENV') continue // "production" would leave out what the build and the tests need.
    env[name] = value
  }
  Object.assign(env, {
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    DO_NOT_TRACK: '1',
    TURBO_GLOBAL_WARNING_DISABLED: '1',
  })
  if (!process.stdout.isTTY && !env.FORCE_COLOR) env.NO_COLOR = '1'
  if (!isWritable(os.homedir())) {
    Object.assign(env, { HOME: path.join(home, 'home'), npm_config_cache: path.join(home, 'npm-cache') })
    fs.mkdirSync(env.HOME, { recursive: true })
  }
  if (bin) env.PATH = [bin, ...(process.env.PATH ?? '').split(path.delimiter)].join(path.delimiter)
  return env
}

function isWritable(directory) {
  try {
    fs.accessSync(directory, fs.constants.W_OK)
    return true
  } catch {
    return false // Missing or closed to us: the same to the caller.
  }
}

/** Registries hiccup. */
export async function withOneRetry(children, say, attempt) {
  try {
    return await attempt()
  } catch (error) {
    if (children.interruptedCode() !== undefined) throw error
    say(`${error.message}; trying once more`)
    return attempt()
  }
}

export function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`
}
