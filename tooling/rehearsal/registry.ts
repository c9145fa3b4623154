import { createHash } from 'node:crypto'
import fs from 'node:fs'
import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'
import { freePort } from '../kept-server.ts'
import type { Tarball } from '../packages.ts'
import type { Shell } from './shell.ts'

const version = '6.10.4'
const tools = path.resolve(import.meta.dirname, '../../.tools')

/** What we ask of verdaccio. */
interface Verdaccio {
  runServer(config: unknown): Promise<Server>
}

/** A registry on this machine: ours come from it alone, everything else through it. */
export interface LocalRegistry {
  readonly url: string
  /** What npm is to be run with to use it. */
  readonly env: NodeJS.ProcessEnv
  close(): Promise<void>
}

/** @throws Error that names the registry of npm when it does not answer: everything but our own packages comes from there */
export async function assertReachable(shell: Shell, cwd: string): Promise<void> {
  await shell.run('npm view verdaccio version --fetch-retries=1 --fetch-timeout=20000', cwd).catch((error: Error) => {
    throw new Error(`the rehearsal needs the registry of npm, which does not answer:\n${error.message}`)
  })
}

/** Brings verdaccio into `.tools/`, unless it is there. */
export async function bringVerdaccio(shell: Shell): Promise<void> {
  if (fs.existsSync(folderOfVerdaccio())) return
  const unfinished = `${folderOfVerdaccio()}.${process.pid}`
  fs.mkdirSync(unfinished, { recursive: true })
  const manifest = {
    private: true,
    dependencies: { verdaccio: version },
    // It asks for the tag `cjs`, which not every registry has.
    overrides: { 'node-fetch': '2.7.0' },
  }
  fs.writeFileSync(path.join(unfinished, 'package.json'), JSON.stringify(manifest))
  await shell.run('npm install --ignore-scripts --no-package-lock --no-audit --no-fund', unfinished)
  fs.renameSync(unfinished, folderOfVerdaccio())
}

const folderOfVerdaccio = () => path.join(tools, `verdaccio-${version}`)

/** `upstream`: the registry that everything but our own packages comes from. */
export async function openRegistry(scratch: string, upstream: string): Promise<LocalRegistry> {
  const require = createRequire(path.join(folderOfVerdaccio(), 'package.json'))
  const { runServer } = require('verdaccio') as Verdaccio
  const everybody = ['$all']
  const server = await runServer({
    self_path: scratch,
    configPath: scratch,
    storage: path.join(scratch, 'storage'),
    uplinks: { upstream: { url: upstream, maxage: '1h', timeout: '60s' } },
    packages: {
      // Packages of these names are public: what is installed here must be what was packed here.
      '@pikku/*': { access: everybody, publish: everybody },
      '**': { access: everybody, proxy: ['upstream'] },
    },
    auth: { htpasswd: { file: path.join(scratch, 'htpasswd'), max_users: -1 } },
    max_body_size: '100mb',
    log: { type: 'file', path: path.join(scratch, 'verdaccio.log'), format: 'json', level: 'warn' },
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${port}/`
  const settings = path.join(scratch, 'npmrc')
  // npm does not publish as nobody.
  fs.writeFileSync(settings, `//127.0.0.1:${port}/:_authToken=nobody\n`)
  return { url, env: environment(url, settings), close: () => close(server) }
}

function environment(url: string, settings: string): NodeJS.ProcessEnv {
  return {
    npm_config_registry: url,
    npm_config_userconfig: settings,
    npm_config_yes: 'true',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
    npm_config_update_notifier: 'false',
  }
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/** @throws Error when a package of ours below this folder is not the one that was packed, or is none of ours */
export function assertOurs(folder: string, packed: readonly Tarball[]): void {
  const scope = path.join(folder, 'node_modules/@pikku')
  const { packages } = JSON.parse(fs.readFileSync(path.join(folder, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly integrity?: string }>>
  }
  for (const name of fs.readdirSync(scope)) {
    const ours = packed.find((each) => each.name === `@pikku/${name}`)
    if (!ours) throw new Error(`@pikku/${name} is installed in ${folder}, and is none of ours`)
    const integrity = `sha512-${createHash('sha512').update(fs.readFileSync(ours.file)).digest('base64')}`
    const installed = packages[`node_modules/@pikku/${name}`]?.integrity
    if (installed !== integrity) throw new Error(`@pikku/${name} in ${folder} is ${installed}, not ours (${integrity})`)
  }
}
