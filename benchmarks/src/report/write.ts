import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { Report } from '../results.ts'
import { chartOf } from './chart.ts'
import { draw } from './draw.ts'
import { curveRows, tableRows } from './lines.ts'
import { markdownOf } from './markdown.ts'

const folder = path.resolve(import.meta.dirname, '../..')
const page = path.join(folder, 'BENCHMARKS.md')
const prettier = path.resolve(folder, '../tooling/node_modules/.bin/prettier')

/** Puts a report into the repository: its JSON, a picture per workload, and its tables into BENCHMARKS.md. */
export async function writeReport(report: Report): Promise<void> {
  const isCurves = report.results.every(({ workload }) => workload.startsWith('growth-'))
  const part = isCurves ? 'growth' : 'table'
  const json = path.join(folder, 'results', `${part}.json`)
  fs.mkdirSync(path.dirname(json), { recursive: true })
  fs.writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  const pictures = await drawAll(report, isCurves)
  const links = pictures.map((name) => `![${name}](results/${name}.svg)`).join('\n')
  const text = replaceBetween(fs.readFileSync(page, 'utf8'), part, `${markdownOf(report)}\n\n${links}`)
  fs.writeFileSync(page, text)
  execFileSync(prettier, ['--write', '--log-level=warn', page, json])
}

async function drawAll(report: Report, isCurves: boolean): Promise<readonly string[]> {
  const names: string[] = []
  for (const row of isCurves ? curveRows : tableRows) {
    const chart = names.includes(row.name) ? null : chartOf(report, row)
    if (!chart) continue
    fs.writeFileSync(path.join(folder, 'results', `${row.name}.svg`), await draw(chart))
    names.push(row.name)
  }
  return names
}

/** @throws Error where the page has no such markers */
export function replaceBetween(text: string, part: string, content: string): string {
  const [begin, end] = [`<!-- results: ${part} -->`, `<!-- end of results: ${part} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`BENCHMARKS.md has no place for results: ${part}`)
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`
}
