// `pnpm rehearse`: a release, up to and including its first user. Packs every package, publishes it to a registry on this
// machine, and does outside the repository, with plain npm, what the guide says: in an empty folder, and with `create`.
// With `--quick` the part of it that every merge has to pass: an app made by `create` on each store, and the tutorial. With
// `--figures` what is measured of it alone: sizes, installs, and the time from `create` to the first completed run.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pack, publishedPackages, type Tarball } from '../packages.ts'
import { startFreshPostgres } from '../postgres.ts'
import { startFreshRedis } from '../redis.ts'
import {
  asTable,
  bytesBelow,
  gzippedBytes,
  inKilobytes,
  inMegabytes,
  inSeconds,
  transitiveDependencies,
} from '../rehearsal/measure.ts'
import { writeOnboardingApp } from '../rehearsal/onboarding-app.ts'
import { pairings, rehearsePairing } from '../rehearsal/pairs.ts'
import { assertOurs, assertReachable, bringVerdaccio, openRegistry, type LocalRegistry } from '../rehearsal/registry.ts'
import { type Outcome, Shell } from '../rehearsal/shell.ts'
import { commandsOfThePage, filesOfThePage, playTutorial } from '../rehearsal/tutorial.ts'
import { bringRedisServer } from './bring-programs.ts'
import { onInterruption } from './interruption.ts'
import { summaryLine } from './test-report.ts'

const root = path.resolve(import.meta.dirname, '../..')
const quick = process.argv.includes('--quick')
const whole = !quick && !process.argv.includes('--figures')
const attw = '@arethetypeswrong/cli@0.18.5'
const jscpd = 'jscpd@4.3.0'
const esbuild = 'esbuild@0.28.2'
/** From `create` to the first completed run, at most, on a machine with nothing else to do. */
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
  await Promise.all(packed.map(({ file }) => outside.run(`npm publish ${file} --access public`, scratch)))
  for (const { name, version } of packed) say(`${name} ${version} is published to ${registry.url}`)
}

/** What each package brings with it, installed alone. */
async function measureInstalls(packed: readonly Tarball[]): Promise<string> {
  const rows = [['package', 'tarball', 'bundled', 'transitive dependencies', 'on disk', 'npm install']]
  for (const { name, bytes } of packed) {
    const folder = emptyFolder(`alone-${path.basename(name)}`)
    const { ms } = await outside.run(`npm install ${name}`, folder)
    assertOurs(folder, packed)
    const [others, size] = [transitiveDependencies(folder), bytesBelow(path.join(folder, 'node_modules'))]
    const bundled = await bundle(name, folder)
    rows.push([name, inKilobytes(bytes), bundled, String(others), inMegabytes(size), inSeconds(ms)])
  }
  return asTable(rows)
}

/** What an app that imports all of it takes in, with what it brings along, minified and compressed. */
async function bundle(name: string, folder: string): Promise<string> {
  // A program, and nobody's import.
  if (name === '@pikku/cli') return '–'
  const entry = path.join(folder, 'entry.mjs')
  fs.writeFileSync(entry, `export * from '${name}'\n`)
  const options = '--bundle --minify --platform=node --format=esm --outfile=bundle.mjs --log-level=error'
  await outside.run(`npx ${esbuild} entry.mjs ${options}`, folder)
  return inKilobytes(gzippedBytes(path.join(folder, 'bundle.mjs')))
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

/** The tutorial: its commands, its files, and the worker that is killed. */
async function followTheTutorial(url: string, packed: readonly Tarball[]): Promise<void> {
  const started = performance.now()
  const parent = emptyFolder('tutorial')
  await outside.run([...commandsOfThePage('folder'), ...commandsOfThePage('install')].join(' && '), parent)
  const folder = path.join(parent, 'orders')
  assertOurs(folder, packed)
  for (const [name, text] of filesOfThePage()) {
    fs.mkdirSync(path.join(folder, path.dirname(name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), text)
  }
  await outside.run(commandsOfThePage('generate').join(' && '), folder)
  const { end, history } = await playTutorial(folder, url)
  const survived = end.startsWith('completed ') && /^Charge card, attempt 2, .*: succeeded$/m.test(history)
  if (!survived) throw new Error(`the tutorial's order ended with\n${end}${history}`)
  say(`pg: the tutorial's order survived its killed worker (${inSeconds(performance.now() - started)})`)
}

/** From nothing to a completed run by one command. Answers the folder of the app. */
async function createApp(store: StoreName, url: string, packed: readonly Tarball[]): Promise<string> {
  const parent = emptyFolder(`create-${store}`)
  const folder = path.join(parent, 'my-app')
  const create = await outside.run(`npx @pikku/cli create my-app --store ${store}`, parent)
  assertOurs(folder, packed)
  const demo = await runDemo(folder, { [stores[store].setting]: url })
  const took = create.ms + demo.ms
  const parts = `create ${inSeconds(create.ms)}, demo with its sleep of 5 s ${inSeconds(demo.ms)}`
  say(`${store}: from \`create\` to the first completed run ${inSeconds(took)} (${parts})`)
  if (whole && took > firstRunMs) throw new Error(`that is more than ${inSeconds(firstRunMs)}`)
  const { ms } = await outside.run('npm run typecheck', folder)
  say(`${store}: the created app is generated again and type-checks (${inSeconds(ms)})`)
  return folder
}

async function runDemo(folder: string, setting: NodeJS.ProcessEnv, options = ''): Promise<Outcome> {
  const demo = await outside.run(`npm run demo${options}`, folder, setting)
  if (/^run \S+ completed$/m.test(demo.output)) return demo
  throw new Error(`the demo of the created app ended with\n${demo.output}`)
}

/** What the README of a created app says besides. */
async function useApp(store: StoreName, url: string, folder: string): Promise<void> {
  await outside.run('npm test', folder)
  await runDemo(folder, { [stores[store].setting]: url }, ' -- --crash')
  say(`${store}: the tests of the created app pass, and it survives a killed worker`)
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

/** What is rehearsed with the packages of this repository, published on this machine. */
async function published(rehearsal: (packed: Tarball[], registry: LocalRegistry) => Promise<void>): Promise<void> {
  await bringRedisServer(() => {})
  const upstream = await within.run('npm config get registry', scratch)
  await assertReachable(within, scratch)
  await bringVerdaccio(within)
  const packed = publishedPackages().map((each) => pack(each, emptyFolder(`packed-${path.basename(each.folder)}`)))
  const registry = await openRegistry(emptyFolder('registry'), upstream.output.trim().split('\n').at(-1) ?? '')
  try {
    outside = new Shell({ ...process.env, ...registry.env })
    await publish(packed, registry)
    await rehearsal(packed, registry)
  } finally {
    await outside.endAll()
    await registry.close()
  }
}

async function withServer(store: StoreName, use: (url: string) => Promise<void>): Promise<void> {
  const server = await stores[store].open()
  try {
    await use(server.url)
  } finally {
    await server.dispose()
  }
}

async function rehearseAll(): Promise<void> {
  await published(async (packed, registry) => {
    await checkRepetition()
    for (const { name, file } of packed) {
      await outside.run(`npx ${attw} ${file} --profile esm-only`, scratch)
      say(`${name}: its types are right (${attw})`)
    }
    console.log(await measureInstalls(packed))
    for (const store of ['pg', 'redis'] as const) {
      await withServer(store, async (url) => {
        await followTheGuide(store, url, packed)
        if (store === 'pg') await followTheTutorial(url, packed)
        await useApp(store, url, await createApp(store, url, packed))
        await combine({ store, url, registry: registry.url, packed })
      })
    }
  })
  say('rehearsed')
}

async function measure(): Promise<void> {
  await published(async (packed) => {
    console.log(await measureInstalls(packed))
    for (const store of ['pg', 'redis'] as const) {
      await withServer(store, async (url) => void (await createApp(store, url, packed)))
    }
  })
  say(`measured with Node ${process.versions.node}, ${process.platform} ${process.arch}, ${os.cpus().length} cores`)
}

/** Each part by itself: one that fails does not hide the others. Answers how many did. */
async function rehearseQuickly(): Promise<number> {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const part = async (name: string, passes: () => Promise<unknown>) => {
    const started = performance.now()
    const failure = await passes().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    counts[failure === undefined ? 'passed' : 'failed'] += 1
    const time = inSeconds(performance.now() - started)
    console.log(
      failure === undefined ? `✓ ${name} (${time})` : `✗ ${name} (${time})\n${failure.replace(/^/gm, '    ')}`,
    )
  }
  await part('the packages are packed, published and used', () =>
    published(async (packed) => {
      await withServer('pg', async (url) => {
        await part('npm, PostgreSQL: an app is created, completes a run and type-checks', () =>
          createApp('pg', url, packed),
        )
        await part('npm, PostgreSQL: the tutorial', () => followTheTutorial(url, packed))
      })
      await withServer('redis', (url) =>
        part('npm, Redis: an app is created, completes a run and type-checks', () => createApp('redis', url, packed)),
      )
    }),
  )
  console.log(summaryLine(counts))
  return counts.failed
}

function say(line: string): void {
  console.log(`» ${line}`)
}

let code = 1
try {
  if (quick) code = (await rehearseQuickly()) > 0 ? 1 : 0
  else {
    await (whole ? rehearseAll() : measure())
    code = 0
  }
} catch (error) {
  if (!interrupted()) console.error(error instanceof Error ? error.message : error)
} finally {
  fs.rmSync(scratch, { recursive: true, force: true })
}
process.exit(code)
