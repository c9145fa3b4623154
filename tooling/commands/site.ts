// `pnpm site`: the pages of docs/ and the reference of the API as a site, in tooling/site/dist. `pnpm site dev` shows it while
// its pages are written.
import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { writeApiPages } from '../site/api-pages.ts'
import { checkAnchors } from '../site/built-links.ts'
import { exitCode, onInterruption } from './interruption.ts'

const root = path.resolve(import.meta.dirname, '../..')
const site = path.join(root, 'tooling/site')
const [command = 'build', ...args] = process.argv.slice(2)

await writeApiPages(path.join(root, 'docs/api'))
const program = path.join(root, 'tooling/node_modules/vitepress/bin/vitepress.js')
const child: ChildProcess = spawn(process.execPath, [program, command, site, ...args], {
  // From elsewhere it finds no Vue for pages that lie outside of it.
  cwd: root,
  stdio: 'inherit',
})
// On SIGTERM it would wait for its connections to end.
onInterruption(() => child.kill('SIGINT'))
const code = await exitCode(child)
const lost = code === 0 && command === 'build' ? checkAnchors(path.join(site, 'dist')) : []
for (const link of lost) console.error(link)
process.exitCode = lost.length > 0 ? 1 : code
