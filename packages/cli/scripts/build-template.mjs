// Before the package is packed: dist/template becomes what `pnpm pack` makes of templates/workflows, whose `workspace:^`
// and `catalog:` are versions then. `pikku create` writes an app from it.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const source = path.resolve(import.meta.dirname, '../../../templates/workflows')
const target = path.resolve(import.meta.dirname, '../dist/template')

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-template-'))
try {
  execFileSync('pnpm', ['pack', '--pack-destination', scratch], { cwd: source, stdio: ['ignore', 'ignore', 'inherit'] })
  const [tarball] = fs.readdirSync(scratch)
  if (tarball === undefined) throw new Error(`pnpm pack made nothing of ${source}`)
  fs.rmSync(target, { recursive: true, force: true })
  fs.mkdirSync(target, { recursive: true })
  execFileSync('tar', ['-xzf', path.join(scratch, tarball), '--strip-components=1', '-C', target])
} finally {
  fs.rmSync(scratch, { recursive: true, force: true })
}
// The app is its owner's.
fs.rmSync(path.join(target, 'LICENSE'), { force: true })
// Under its own name npm would leave it out.
fs.copyFileSync(path.join(source, '.gitignore'), path.join(target, 'gitignore'))
