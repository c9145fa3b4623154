import fs from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

/** All files below a folder, in bytes. */
export function bytesBelow(folder: string): number {
  return fs
    .readdirSync(folder, { encoding: 'utf8', recursive: true })
    .map((name) => fs.lstatSync(path.join(folder, name)))
    .reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0)
}

/** How many packages are installed here besides those that were asked for, each version once. */
export function transitiveDependencies(folder: string): number {
  const { packages } = JSON.parse(fs.readFileSync(path.join(folder, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly dependencies?: Record<string, string>; readonly optional?: boolean }>>
  }
  const asked = Object.keys(packages['']?.dependencies ?? {})
  return Object.keys(packages).filter(
    (name) =>
      name !== '' && !asked.includes(name.replace(/^node_modules\//, '')) && fs.existsSync(path.join(folder, name)),
  ).length
}

/** What a file takes on its way through the net. */
export const gzippedBytes = (file: string): number => gzipSync(fs.readFileSync(file), { level: 9 }).length

export const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
export const inKilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(0)} kB`
export const inMegabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`

/** Rows of cells, as text with aligned columns. */
export function asTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
