import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { slowParts } from '../slow/parts.ts'
import { root, type SourceFile } from './source-files.ts'

/** What a page names in its code and is not there: files of this repository, commands, parts of the slow lane. */
export function checkPage({ path: page, text }: SourceFile): string[] {
  return [...lostFiles(page, text), ...lostCommands(text), ...lostParts(text)]
}

const folders = /^(packages|conformance|e2e|docs|tooling|scripts|benchmarks|templates|histories)\/[\w./*{},-]+$/

/** The beginning of a path is enough: that is what vitest takes. */
function lostFiles(page: string, text: string): string[] {
  const named = codeIn(text).flatMap((code) => code.split(/[\s,;]+/).filter((word) => folders.test(word)))
  return named
    .filter((name) => [root, path.join(root, path.dirname(page), '..')].every((cwd) => !isBegun(name, cwd)))
    .map((name) => `there is no ${name}`)
}

function isBegun(name: string, cwd: string): boolean {
  return existsSync(path.join(cwd, name)) || globSync(`${name}*`, { cwd }).length > 0
}

/** What pnpm finds among the programs of a package. */
const programs = new Set(['vitest'])

function lostCommands(text: string): string[] {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const asked = codeIn(text).flatMap((code) => /^pnpm (\S+)/.exec(code)?.[1] ?? [])
  return asked
    .filter((command) => !(command in scripts) && !programs.has(command))
    .map((command) => `there is no command 'pnpm ${command}'`)
}

function lostParts(text: string): string[] {
  const names = slowParts.map(({ name }) => name)
  const asked = [...text.matchAll(/verify:slow --only ([\w,-]+)/g)].flatMap(([, only = '']) => only.split(','))
  return asked.filter((name) => !names.includes(name)).map((name) => `verify:slow has no part ${name}`)
}

/** What stands between backticks, and the lines of fences. */
function codeIn(text: string): string[] {
  const fences = [...text.matchAll(/^```\w*\n(.*?)^```$/gms)].flatMap(([, lines = '']) => lines.split('\n'))
  const spans = text.replaceAll(/^```.*?^```$/gms, '').matchAll(/`([^`\n]+)`/g)
  return [...fences, ...[...spans].map(([, code = '']) => code)]
}
