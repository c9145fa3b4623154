import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(import.meta.dirname, '../..')

/** Generates the files that the apps under test import, with the built command. */
export default function setup(): void {
  for (const app of ['e2e/app', 'templates/workflows']) runPikku(path.join(root, app))
}

export function runPikku(folder: string): void {
  const cli = fileURLToPath(new URL('cli.js', import.meta.resolve('@pikku/cli')))
  execFileSync(process.execPath, [cli], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
}
