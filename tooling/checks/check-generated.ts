// Runs the `generate` script of every package that has one and compares what it writes with what is there.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { type Finding, report, root } from './source-files.ts'

const generated = /\.gen\.[a-z.]+$/

function packagesThatGenerate(): string[] {
  return ['packages', 'templates']
    .flatMap((parent) => fs.readdirSync(path.join(root, parent)).map((name) => path.join(root, parent, name)))
    .filter((folder) => {
      const manifest = path.join(folder, 'package.json')
      if (!fs.existsSync(manifest)) return false
      const { scripts } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { scripts?: Record<string, string> }
      return scripts?.['generate'] !== undefined
    })
}

function generatedFiles(folder: string): Map<string, string> {
  const names = fs.readdirSync(folder, { encoding: 'utf8', recursive: true })
  const files = names.filter((name) => generated.test(name) && !/(^|[\\/])(node_modules|dist)[\\/]/.test(name))
  return new Map(files.map((name) => [path.join(folder, name), fs.readFileSync(path.join(folder, name), 'utf8')]))
}

function findingsIn(folder: string): Finding[] {
  const before = generatedFiles(folder)
  const { status, error } = spawnSync('pnpm', ['run', 'generate'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (error) throw error
  if (status !== 0) throw new Error(`pnpm run generate failed in ${folder}`)
  const after = generatedFiles(folder)
  const changed = [...after.keys()].filter((file) => before.get(file) !== after.get(file))
  // A check leaves everything as it was.
  for (const file of changed) {
    const text = before.get(file)
    if (text === undefined) fs.rmSync(file)
    else fs.writeFileSync(file, text)
  }
  const message = 'is not what its generator makes: run `pnpm run generate` in its package'
  return changed.map((file) => ({ path: path.relative(root, file), line: 1, message }))
}

process.exit(report(packagesThatGenerate().flatMap(findingsIn)))
