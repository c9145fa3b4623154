import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

/** The package managers that say who they are to what they run. */
const installers = ['npm', 'pnpm', 'yarn', 'bun'] as const
export type Installer = (typeof installers)[number]

/** What each of them has to be told to install an app of the template. */
const settings: Readonly<Partial<Record<Installer, Readonly<Record<string, string>>>>> = {
  pnpm: {
    'pnpm-workspace.yaml':
      '# They bring what they would build.\nallowBuilds:\n  esbuild: false\n  msgpackr-extract: false\n',
  },
  yarn: {
    '.yarnrc.yml': 'nodeLinker: node-modules\n',
    // Without one of its own the app would belong to whatever is above it.
    'yarn.lock': '',
  },
}

/** The one that runs us; npm where nobody says so. */
export function installerOf(userAgent = process.env['npm_config_user_agent'] ?? ''): Installer {
  return installers.find((name) => userAgent.startsWith(`${name}/`)) ?? 'npm'
}

/** Writes what this one has to be told. */
export function writeSettings(folder: string, installer: Installer): void {
  for (const [name, text] of Object.entries(settings[installer] ?? {})) writeFileSync(path.join(folder, name), text)
}

/** Installs the packages of the app in this folder. @returns the exit code */
export function installPackages(folder: string, installer: Installer): Promise<number> {
  // On Windows these are scripts of a shell.
  const child = spawn(installer, ['install'], { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' })
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`cannot run ${installer}: ${error.message}`)))
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
