import os from 'node:os'

/** How one part went, the last time it ran. */
export interface SlowResult {
  readonly name: string
  readonly shows: string
  readonly result: string
  readonly date: Date
  readonly commit: string
  readonly seconds: number
  readonly minutes: number
  readonly command: string
  readonly figures: readonly string[]
}

const head = `# The slow lane, last time

What takes too long for \`npm test\` is run by \`pnpm verify:slow\`, one part after the other; \`--list\` names them, \`--only\`
chooses some, \`--minutes\` gives each another box. It writes this page: of each part how it went the last time, by itself
or with the others.
`

/** The page with this result in the place of the one before it. */
export function withResult(page: string, result: SlowResult): string {
  const sections = new Map(sectionsOf(page))
  sections.set(result.name, sectionOf(result))
  return `${[head, ...sections.values()].map((section) => section.trim()).join('\n\n')}\n`
}

function sectionsOf(page: string): [string, string][] {
  const [, ...sections] = page.split(/^(?=## )/m)
  return sections.map((section) => [/^## (.+)/.exec(section)?.[1] ?? '', section])
}

function sectionOf(result: SlowResult): string {
  const { name, shows, date, seconds, figures } = result
  const took = `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s of ${result.minutes} min`
  return [
    `## ${name}`,
    '',
    shows,
    '',
    `- result: ${result.result}`,
    `- date: ${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `- commit: ${result.commit}`,
    `- machine: ${machine()}`,
    `- time: ${took}`,
    `- command: \`${result.command}\``,
    '',
    ...(figures.length > 0 ? ['```text', ...figures.map(quoted), '```'] : ['It told no figures.']),
  ].join('\n')
}

/** A line that is neither a heading nor a fence. */
function quoted(line: string): string {
  return line.trimEnd().replace(/^(?=#|```)/, ' ')
}

function machine(): string {
  const gigabytes = Math.round(os.totalmem() / 2 ** 30)
  return `Node ${process.versions.node}, ${os.platform()} ${os.arch()}, ${os.availableParallelism()} cores, ${gigabytes} GB`
}
