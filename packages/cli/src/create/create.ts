import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { complete, type Given } from './ask.ts'
import { installPackages, installerOf, writeSettings, type Installer } from './installer.ts'
import { stores } from './stores.ts'
import { writeApp } from './write-app.ts'

/** Beside the built command; made when the package is packed (scripts/build-template.mjs). */
const packedTemplate = fileURLToPath(new URL('template', import.meta.url))

export interface Creation extends Given {
  /** Whether somebody sits at a terminal who can be asked. */
  readonly interactive: boolean
  /** The folder of the template. Default: the one of this package. */
  readonly template?: string
  /** Default: the one that runs us. */
  readonly installer?: Installer
  /** Installs the packages of the app in this folder and answers the exit code. Default: by `installer`. */
  readonly install?: (folder: string, installer: Installer) => Promise<number>
}

/**
 * Makes an app: writes the template, installs its packages, and says which two commands come next.
 *
 * @returns the exit code
 * @throws Error that says what is wrong with the folder or with what was asked for
 */
export async function create({
  interactive,
  template,
  install,
  installer = installerOf(),
  ...given
}: Creation): Promise<number> {
  const wanted = await complete(given, interactive)
  if (wanted === undefined) {
    console.error('nothing was written')
    return 1
  }
  const { store } = wanted
  const folder = path.resolve(wanted.folder)
  writeApp({ template: template ?? templateOfPackage(), folder, store })
  console.log(`${wanted.folder}: an app with workflows on ${stores[store].title}; installing its packages`)
  writeSettings(folder, installer)
  const code = await (install ?? installPackages)(folder, installer)
  if (code !== 0) {
    console.error(`the packages could not be installed (exit code ${code}); the app is written: try again in ${folder}`)
    return code
  }
  const there = /\s/.test(wanted.folder) ? `"${wanted.folder}"` : wanted.folder
  console.log(`\nThen:\n\n  cd ${there}\n  ${stores[store].setting} npm run demo\n`)
  return 0
}

function templateOfPackage(): string {
  if (existsSync(packedTemplate)) return packedTemplate
  throw new Error('this pikku was not installed from a registry, so it has no template; copy templates/workflows')
}
