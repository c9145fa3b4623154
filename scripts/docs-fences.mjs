#!/usr/bin/env node
// Every code fence of README.md, docs/*.md and packages/*/README.md is a region of a file that is compiled and run:
//   <!-- source: docs/examples/src/worker.ts #worker -->
// This script checks that they are the same; with --update it writes the fences. Fences marked `text` are free.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const free = new Set(['text'])

/** @returns {string[]} */
export function pages() {
  const docs = fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'))
  const packages = fs.readdirSync(path.join(root, 'packages'))
  return [
    ...['README.md', 'ARCHITECTURE.md'],
    ...docs.sort().map((name) => `docs/${name}`),
    ...packages.sort().map((name) => `packages/${name}/README.md`),
  ].filter((page) => fs.existsSync(path.join(root, page)))
}

/** The text of a page with its fences as they should be, and what is wrong with it. */
export function checkPage(page, text) {
  const problems = []
  const out = []
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    out.push(lines[i])
    const opening = /^```(\w*)/.exec(lines[i])
    if (!opening) continue
    const end = lines.indexOf('```', i + 1)
    if (end < 0) throw new Error(`${page}:${i + 1}: a fence without an end`)
    const found = lines.slice(i + 1, end)
    const wanted = free.has(opening[1])
      ? found
      : expected(lines, i, (message) => problems.push(`${page}:${i + 1}  ${message}`))
    if (wanted && wanted.join('\n') !== found.join('\n')) problems.push(`${page}:${i + 1}  is not what its source says`)
    out.push(...(wanted ?? found), '```')
    i = end
  }
  return { text: out.join('\n'), problems }
}

function expected(lines, fence, problem) {
  const before = lines.slice(0, fence).findLast((line) => line.trim() !== '')
  const source = /^<!-- source: (\S+)(?: #(\S+))? -->$/.exec(before ?? '')
  if (!source) return void problem('has no source: put <!-- source: file #region --> before it')
  const [, file, region] = source
  const full = path.join(root, file)
  if (!fs.existsSync(full)) return void problem(`its source ${file} does not exist`)
  const text = fs.readFileSync(full, 'utf8').trimEnd().split('\n')
  if (region === undefined) return text
  const start = text.findIndex((line) => new RegExp(`^\\s*(//|#) #region ${region}$`).test(line))
  if (start < 0) return void problem(`${file} has no region ${region}`)
  const length = text.slice(start + 1).findIndex((line) => /^\s*(\/\/|#) #endregion$/.test(line))
  if (length < 0) return void problem(`${file}: region ${region} has no end`)
  return dedent(text.slice(start + 1, start + 1 + length))
}

function dedent(lines) {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)[0].length)
  const least = Math.min(...indents)
  return lines.map((line) => line.slice(least))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const update = process.argv.includes('--update')
  let failed = false
  for (const page of pages()) {
    const file = path.join(root, page)
    const before = fs.readFileSync(file, 'utf8')
    const { text, problems } = checkPage(page, before)
    if (update && text !== before) fs.writeFileSync(file, text)
    const left = update ? checkPage(page, text).problems : problems
    for (const problem of left) console.error(problem)
    failed ||= left.length > 0
  }
  process.exit(failed ? 1 : 0)
}
