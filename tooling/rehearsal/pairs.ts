import fs from 'node:fs'
import path from 'node:path'
import { unpack, type Tarball } from '../packages.ts'
import { inSeconds } from './measure.ts'
import { writeOnboardingApp } from './onboarding-app.ts'
import type { Shell } from './shell.ts'

/** One way to use our packages. */
export interface Pairing {
  readonly store: 'pg' | 'redis'
  readonly packageManager: 'npm' | 'pnpm' | 'yarn'
  readonly node: '22.12.0' | '24.21.0' | '26.9.0'
  readonly resolution: 'node16' | 'nodenext' | 'bundler'
  readonly typescript: '5.9' | '6' | '7'
}

/** Every value of each with every value of all others, in few rows. The oldest Node is the oldest that we promise. */
export const pairings: readonly Pairing[] = [
  { store: 'pg', packageManager: 'npm', node: '22.12.0', resolution: 'node16', typescript: '5.9' },
  { store: 'pg', packageManager: 'pnpm', node: '24.21.0', resolution: 'bundler', typescript: '5.9' },
  { store: 'pg', packageManager: 'pnpm', node: '26.9.0', resolution: 'node16', typescript: '7' },
  { store: 'pg', packageManager: 'yarn', node: '22.12.0', resolution: 'bundler', typescript: '7' },
  { store: 'pg', packageManager: 'yarn', node: '24.21.0', resolution: 'node16', typescript: '6' },
  { store: 'pg', packageManager: 'yarn', node: '26.9.0', resolution: 'nodenext', typescript: '5.9' },
  { store: 'redis', packageManager: 'npm', node: '22.12.0', resolution: 'node16', typescript: '5.9' },
  { store: 'redis', packageManager: 'npm', node: '24.21.0', resolution: 'nodenext', typescript: '7' },
  { store: 'redis', packageManager: 'npm', node: '26.9.0', resolution: 'bundler', typescript: '6' },
  { store: 'redis', packageManager: 'pnpm', node: '22.12.0', resolution: 'nodenext', typescript: '6' },
  { store: 'redis', packageManager: 'yarn', node: '22.12.0', resolution: 'node16', typescript: '5.9' },
]

const packages = {
  pg: '@pikku/core @pikku/pg @pikku/queue-pg-boss postgres',
  redis: '@pikku/core @pikku/redis @pikku/queue-bullmq ioredis',
} as const

const yarn = 'npx --yes @yarnpkg/cli-dist@4.18.1'
const add = {
  npm: ['npm install', 'npm install --save-dev'],
  pnpm: ['pnpm add', 'pnpm add --save-dev'],
  yarn: [`${yarn} add`, `${yarn} add --dev`],
} as const

export interface Place {
  readonly shell: Shell
  /** An empty folder. */
  readonly folder: string
  /** The registry that ours are on. */
  readonly registry: string
  /** Of the store's server. */
  readonly url: string
  readonly packed: readonly Tarball[]
}

/** The onboarding workflow of the guide, in this way. Answers a line that says how it went. @throws Error when it did not */
export async function rehearsePairing(pairing: Pairing, place: Place): Promise<string> {
  const { store, packageManager, node, resolution, typescript } = pairing
  const { shell, folder, url, packed } = place
  const started = performance.now()
  const PATH = [await bringNode(node, place), process.env['PATH']].join(path.delimiter)
  const run = (line: string) => shell.run(line, folder, { PATH })
  writeSettings(place)
  const [addOne, addDev] = add[packageManager]
  const install = packageManager === 'yarn' ? (line: string) => withYarn(line, folder, run) : run
  await install(`${addOne} ${packages[store]}`)
  await install(`${addDev} @pikku/cli tsx typescript@${typescript} @types/node`)
  assertSameFiles(folder, packed)
  const module = resolution === 'bundler' ? 'esnext' : resolution
  writeOnboardingApp({
    folder,
    store,
    url,
    compilerOptions: { module, moduleResolution: resolution, skipLibCheck: false },
  })
  await run('node_modules/.bin/pikku')
  await run('node_modules/.bin/tsc')
  await shell.start('node_modules/.bin/tsx src/worker.ts', folder, { until: /^ready$/m, env: { PATH } })
  const { output } = await run('node_modules/.bin/tsx src/server.ts')
  await shell.endAll()
  if (!output.includes('{"userId":"user of a@b.c"}')) throw new Error(`the onboarding workflow ended with\n${output}`)
  const { output: version } = await run('node --version')
  if (version.trim() !== `v${node}`) throw new Error(`that was Node.js ${version}`)
  return `${Object.values(pairing).join(' · ')}: completed a run (${inSeconds(performance.now() - started)})`
}

/** What each package manager has to be told of a registry without TLS, whose packages are a minute old. */
function writeSettings({ folder, registry }: Place): void {
  const files: Readonly<Record<string, string>> = {
    'package.json': '{ "name": "guide", "private": true, "type": "module" }',
    '.npmrc': `registry=${registry}\n`,
    'pnpm-workspace.yaml': `minimumReleaseAgeExclude: ['@pikku/*']\nallowBuilds: { esbuild: true, msgpackr-extract: false }\n`,
    '.yarnrc.yml': [
      'nodeLinker: node-modules',
      `npmRegistryServer: ${registry}`,
      'unsafeHttpWhitelist: [127.0.0.1]',
      "npmPreapprovedPackages: ['@pikku/*']",
      'enableTelemetry: false',
      // What it keeps for all projects names an earlier registry of the same address.
      `globalFolder: ${path.join(path.dirname(folder), 'yarn')}`,
    ].join('\n'),
    // Without it yarn takes the folder for a part of whatever is above.
    'yarn.lock': '',
  }
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text)
}

/**
 * Mirrors of the registry may lack the newest of what is for other machines. npm and pnpm pass over it; yarn wants to
 * write it down, so it is given another version to write down.
 */
async function withYarn(line: string, folder: string, run: (line: string) => Promise<unknown>): Promise<void> {
  const file = path.join(folder, 'package.json')
  for (;;) {
    const failure = await run(line).then(
      () => undefined,
      (error: Error) => error,
    )
    if (failure === undefined) return
    const [, missing] = /YN0082: │ (\S+)@npm:\S+ No candidates found/.exec(failure.message) ?? []
    const manifest = JSON.parse(fs.readFileSync(file, 'utf8')) as { resolutions?: Record<string, string> }
    if (missing === undefined || manifest.resolutions?.[missing] !== undefined) throw failure
    fs.writeFileSync(
      file,
      JSON.stringify({ ...manifest, resolutions: { ...manifest.resolutions, [missing]: 'npm:*' } }),
    )
  }
}

/** The folder of this Node's programs, brought from the registry unless it is there. */
async function bringNode(version: string, { shell }: Place): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`
  const home = path.resolve(import.meta.dirname, '../../.tools', `rehearsal-node-${version}`)
  if (!fs.existsSync(home)) {
    const unfinished = `${home}.${process.pid}`
    fs.mkdirSync(unfinished, { recursive: true })
    await shell.run(`npm install --prefix . --no-package-lock --no-save ${name}@${version}`, unfinished)
    fs.renameSync(unfinished, home)
  }
  return path.join(home, 'node_modules', name, 'bin')
}

/** @throws Error when a package of ours below this folder is not what was packed */
function assertSameFiles(folder: string, packed: readonly Tarball[]): void {
  const scope = path.join(folder, 'node_modules/@pikku')
  for (const name of fs.readdirSync(scope)) {
    const ours = packed.find((each) => each.name === `@pikku/${name}`)
    if (!ours) throw new Error(`@pikku/${name} is installed in ${folder}, and is none of ours`)
    const main = (of: string) => fs.readFileSync(path.join(of, 'dist/index.js'), 'utf8')
    if (main(path.join(scope, name)) !== main(unpack(ours))) throw new Error(`@pikku/${name} in ${folder} is not ours`)
  }
}
