import fs from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')

/** A file of the repository; `path` is relative to its root, with `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** Something a check found; `line` is 1-based. */
export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

const notSource = new Set(['node_modules', 'dist', '.pikku', '.turbo', '.tools', '.git', 'coverage'])

/** The reference on the site, made of the docstrings. */
const generatedPages = 'docs/api/'

/** The TypeScript files of all packages and templates: what is written by hand, not what is built. */
export function sourceFiles(folders: readonly string[] = ['packages', 'templates']): SourceFile[] {
  return folders.flatMap((folder) =>
    filesBelow(path.join(root, folder))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
      .map(toSourceFile),
  )
}

/** Every page of the repository that was written. */
export function markdownFiles(): readonly SourceFile[] {
  return filesBelow(root)
    .filter((file) => file.endsWith('.md'))
    .map(toSourceFile)
    .filter((file) => !file.path.startsWith(generatedPages))
}

function toSourceFile(file: string): SourceFile {
  return { path: path.relative(root, file).split(path.sep).join('/'), text: fs.readFileSync(file, 'utf8') }
}

function filesBelow(folder: string): string[] {
  if (!fs.existsSync(folder)) return []
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (notSource.has(entry.name)) return []
    const full = path.join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(full) : [full]
  })
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** Prints the findings; returns the exit code. */
export function report(findings: readonly Finding[]): number {
  for (const { path: file, line, message } of findings) console.log(`${file}:${line}  ${message}`)
  return findings.length > 0 ? 1 : 0
}
