import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { queueTestTitles, type Difference } from '@pikku/core/testing'

const root = path.resolve(import.meta.dirname, '../..')

export const page = path.join(root, 'docs/queues.md')

/** What a queue's package declares in its `test/differences.ts`. */
interface Declared {
  readonly name: string
  readonly differences: readonly Difference[]
  readonly figures: Readonly<Record<string, string>>
}

const inOrder = ['memory', 'pg-boss', 'BullMQ']

export async function declaredByQueues(): Promise<Declared[]> {
  const files = globSync('packages/*/test/differences.ts', { cwd: root })
  const declared = await Promise.all(files.map((file) => import(path.join(root, file)) as Promise<Declared>))
  return declared.toSorted((a, b) => inOrder.indexOf(a.name) - inOrder.indexOf(b.name))
}

/** The page with its generated part made anew. */
export function pageWith(queues: readonly Declared[]): string {
  const text = readFileSync(page, 'utf8')
  const parts = /^([^]*<!-- prettier-ignore-start -->\n)[^]*(<!-- prettier-ignore-end -->[^]*)$/.exec(text)
  if (!parts) throw new Error(`${page} has no generated part`)
  const [, before = '', after = ''] = parts
  return `${before}\n${casesTable(queues)}\n\n${differencesList(queues)}\n\n${figuresTable(queues)}\n\n${after}`
}

function casesTable(queues: readonly Declared[]): string {
  const groups = Map.groupBy(queueTestTitles(), ({ group }) => group)
  const rows = [...groups].map(([group, titles]) => [
    group,
    ...queues.map(({ differences }) => {
      const differing = titles.filter(({ title }) => differences.some(({ test }) => test === `${group} › ${title}`))
      return differing.length === 0 ? `all ${titles.length}` : `${titles.length - differing.length} of ${titles.length}`
    }),
  ])
  return table(['cases of the kit', ...queues.map(({ name }) => name)], rows)
}

function differencesList(queues: readonly Declared[]): string {
  const lines = queues.flatMap(({ name, differences }) =>
    differences.map(({ test, reason }) => `- ${name}: “${test}” does not hold: ${reason}.`),
  )
  return lines.length === 0 ? 'There are no differences.' : lines.join('\n')
}

function figuresTable(queues: readonly Declared[]): string {
  const figures = new Set(queues.flatMap((queue) => Object.keys(queue.figures)))
  const rows = [...figures].map((figure) => [figure, ...queues.map((queue) => queue.figures[figure] ?? 'not said')])
  return table(['left to the queue', ...queues.map(({ name }) => name)], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
