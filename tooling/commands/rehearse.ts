// `pnpm rehearse`: a release, up to and including its first user. Packs every package, publishes it to a registry on this
// machine, and does outside the repository, with plain npm, what the guide says: in an empty folder, and with `create`.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pack, publishedPackages, type Tarball } from '../packages.ts'
import { startFreshPostgres } from '../postgres.ts'
import { startFreshRedis } from '../redis.ts'
import {
  asTable,
  bytesBelow,
  inKilobytes,
  inMegabytes,
  inSeconds,
  transitiveDependencies,
} from '../rehearsal/measure.ts'
import { writeOnboardingApp } from '../rehearsal/onboarding-app.ts'
import { pairings, rehearsePairing } from '../rehearsal/pairs.ts'
import { assertOurs, bringVerdaccio, openRegistry, type LocalRegistry } from '../rehearsal/registry.ts'
import { Shell } from '../rehearsal/shell.ts'
import { bringRedisServer } from './bring-programs.ts'
import { onInterruption } from './interruption.ts'

const root = path.resolve(import.meta.dirname, '../..')
const attw = '@arethetypeswrong/cli@0.18.5'
const jscpd = 'jscpd@4.3.0'
/** From `create` to the first completed run, at most. */
const firstRunMs = 60_000
/** Adapters import nothing of each other: what two of them both need in few lines, both have. */
const repeatedPercent = 0.5
const stores = {
  pg: {
    packages: '@pikku/pg @pikku/queue-pg-boss',
    setting: 'DATABASE_URL',
    open: () => startFreshPostgres({ onProgress: say }),
  },
  redis: {
    packages: '@pikku/redis @pikku/queue-bullmq',
    setting: 'REDIS_URL',
    open: () => startFreshRedis({ onProgress: say }),
  },
} as const
type StoreName = keyof typeof stores

/** Below the system's own temporary directory: no package.json and no node_modules is above it. */
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-rehearsal-'))
const within = new Shell(process.env)
let outside = within
const interrupted = onInterruption((signal) => {
  for (const shell of [within, outside]) shell.interrupt(signal)
})

async function checkRepetition(): Promise<void> {
  const left = '**/node_modules/**,**/dist/**,**/*.gen.ts,**/*.test.ts'
  const limits = `--min-lines 8 --min-tokens 70 --threshold ${repeatedPercent} --reporters console`
  await outside.run(`npx ${jscpd} packages/*/src templates tooling scripts --ignore "${left}" ${limits}`, root)
  say(`less than ${repeatedPercent} % of the source repeats other source (${jscpd})`)
}

async function publish(packed: readonly Tarball[], registry: LocalRegistry): Promise<void> {
  for (const { name, version, file } of packed) {
    await outside.run(`npm publish ${file} --access public`, scratch)
    say(`${name} ${version} is published to ${registry.url}`)
  }
}

/** What each package brings with it, installed alone. */
async function measureInstalls(packed: readonly Tarball[]): Promise<string> {
  const rows = [['package', 'tarball', 'transitive dependencies', 'on disk', 'npm install']]
  for (const { name, bytes } of packed) {
    const folder = emptyFolder(`alone-${path.basename(name)}`)
    const { ms } = await outside.run(`npm install ${name}`, folder)
    assertOurs(folder, packed)
    const [others, size] = [transitiveDependencies(folder), bytesBelow(path.join(folder, 'node_modules'))]
    rows.push([name, inKilobytes(bytes), String(others), inMegabytes(size), inSeconds(ms)])
  }
  return asTable(rows)
}

/** "Getting started", in an empty folder. */
async function followTheGuide(store: StoreName, url: string, packed: readonly Tarball[]): Promise<void> {
  const folder = emptyFolder(`guide-${store}`)
  await outside.run('npm init --yes', folder)
  await outside.run('npm pkg set type=module', folder)
  const { ms } = await outside.run(`npm install ${stores[store].packages}`, folder)
  await outside.run('npm install --save-dev @pikku/cli tsx typescript @types/node', folder)
  assertOurs(folder, packed)
  writeOnboardingApp({ folder, store, url })
  await outside.run('npx pikku', folder)
  await outside.run('npx tsc', folder)
  await outside.start('npx tsx src/worker.ts', folder, { until: /^ready$/m })
  const { output } = await outside.run('npx tsx src/server.ts', folder)
  await outside.endAll()
  if (!output.includes('{"userId":"user of a@b.c"}')) throw new Error(`the onboarding workflow ended with\n${output}`)
  say(`${store}: the guide's app completed a run (npm install ${stores[store].packages}: ${inSeconds(ms)})`)
}

/** From nothing to a completed run by one command, and then what the app's README says. */
async function createApp(store: StoreName, url: string, packed: readonly Tarball[]): Promise<void> {
  const parent = emptyFolder(`create-${store}`)
  const folder = path.join(parent, 'my-app')
  const env = { [stores[store].setting]: url }
  const create = await outside.run(`npx @pikku/cli create my-app --store ${store}`, parent)
  assertOurs(folder, packed)
  const demo = await outside.run('npm run demo', folder, env)
  const completed = /^run \S+ completed$/m.test(demo.output)
  if (!completed) throw new Error(`the demo of the created app ended with\n${demo.output}`)
  const took = create.ms + demo.ms
  const parts = `create ${inSeconds(create.ms)}, demo with its sleep of 5 s ${inSeconds(demo.ms)}`
  say(`${store}: from \`create\` to the first completed run ${inSeconds(took)} (${parts})`)
  if (took > firstRunMs) throw new Error(`that is more than ${inSeconds(firstRunMs)}`)
  await outside.run('npm run typecheck', folder)
  await outside.run('npm test', folder)
  await outside.run('npm run demo -- --crash', folder, env)
  say(`${store}: the created app type-checks, its tests pass, and it survives a killed worker`)
}

/** The guide's app with other package managers, versions of Node and TypeScript, and ways of finding modules. */
async function combine({ store, ...place }: { store: StoreName; url: string; registry: string; packed: Tarball[] }) {
  for (const [index, pairing] of pairings.filter((each) => each.store === store).entries()) {
    const folder = emptyFolder(`${store}-${index}`)
    say(await rehearsePairing(pairing, { ...place, shell: outside, folder }))
  }
}

function emptyFolder(name: string): string {
  const folder = path.join(scratch, name)
  fs.mkdirSync(folder)
  return folder
}

async function rehearse(): Promise<void> {
  await bringRedisServer(() => {})
  await bringVerdaccio(within)
  const { output } = await within.run('npm config get registry', scratch)
  const packed = publishedPackages().map((each) => pack(each, emptyFolder(`packed-${path.basename(each.folder)}`)))
  const registry = await openRegistry(emptyFolder('registry'), output.trim().split('\n').at(-1) ?? '')
  try {
    outside = new Shell({ ...process.env, ...registry.env })
    await checkRepetition()
    for (const { name, file } of packed) {
      await outside.run(`npx ${attw} ${file} --profile esm-only`, scratch)
      say(`${name}: its types are right (${attw})`)
    }
    await publish(packed, registry)
    console.log(await measureInstalls(packed))
    for (const store of ['pg', 'redis'] as const) {
      const server = await stores[store].open()
      try {
        await followTheGuide(store, server.url, packed)
        await createApp(store, server.url, packed)
        await combine({ store, url: server.url, registry: registry.url, packed })
      } finally {
        await server.dispose()
      }
    }
  } finally {
    await outside.endAll()
    await registry.close()
  }
}

function say(line: string): void {
  console.log(`» ${line}`)
}

let code = 0
try {
  await rehearse()
  say('rehearsed')
} catch (error) {
  code = 1
  if (!interrupted()) console.error(error instanceof Error ? error.message : error)
} finally {
  fs.rmSync(scratch, { recursive: true, force: true })
}
process.exit(code)
