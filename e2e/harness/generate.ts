import { execFileSync } from 'node:child_process'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')

/** Generates the files that the apps under test import, with the built command. */
export default function setup(): void {
  for (const app of ['e2e/app', 'templates/workflows', 'docs/examples', 'docs/examples/tutorial'])
    runPikku(path.join(root, app))
}

export function runPikku(folder: string, ...args: string[]): void {
  const cli = path.join(root, 'e2e/node_modules/@pikku/cli/dist/cli.js')
  execFileSync(process.execPath, [cli, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
}
