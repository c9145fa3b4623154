import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')

/** A package that is published, as its package.json in this repository describes it. */
export interface PublishedPackage {
  readonly name: string
  readonly version: string
  /** Relative to the root, with `/`. */
  readonly folder: string
}

/** A package as it goes to the registry. */
export interface Tarball extends PublishedPackage {
  readonly file: string
  readonly bytes: number
}

/** Everything below `packages`. */
export function publishedPackages(): PublishedPackage[] {
  return fs
    .readdirSync(path.join(root, 'packages'))
    .filter((name) => fs.existsSync(path.join(root, 'packages', name, 'package.json')))
    .sort()
    .map((name) => {
      const folder = `packages/${name}`
      const manifest = fs.readFileSync(path.join(root, folder, 'package.json'), 'utf8')
      return { ...(JSON.parse(manifest) as { name: string; version: string }), folder }
    })
    .map(({ name, version, folder }) => ({ name, version, folder }))
}

/** Packs one package into this folder, exactly as `pnpm publish` would. It has to be built. */
export function pack(published: PublishedPackage, destination: string): Tarball {
  const own = path.join(destination, path.basename(published.folder))
  fs.mkdirSync(own, { recursive: true })
  execFileSync('pnpm', ['pack', '--pack-destination', own], {
    cwd: path.join(root, published.folder),
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [name] = fs.readdirSync(own).filter((file) => file.endsWith('.tgz'))
  if (name === undefined) throw new Error(`pnpm pack made nothing of ${published.folder}`)
  const file = path.join(own, name)
  return { ...published, file, bytes: fs.statSync(file).size }
}

/** Unpacks a tarball and answers where its package is now. */
export function unpack({ file }: Tarball): string {
  const target = path.join(path.dirname(file), 'package')
  execFileSync('tar', ['-xzf', file, '-C', path.dirname(file)])
  return target
}
