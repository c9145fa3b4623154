// The API reference of the site: a page for every door of every package, made of the docstrings. The packages have to be
// built.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { format } from 'prettier'
import { type Door, doors, writeDocModel } from '../checks/api-report.ts'
import { anchorOf } from './page-links.ts'

/** What API Extractor writes of a declaration; the first level is the package, the second its door. */
interface Item {
  readonly kind: string
  readonly name?: string
  readonly docComment?: string
  readonly excerptTokens?: readonly { readonly text: string }[]
  readonly members?: readonly Item[]
}

interface ApiPage {
  readonly door: Door
  readonly file: string
  readonly items: readonly Item[]
}

/** A docstring, in its parts. */
interface Docstring {
  readonly summary: string
  readonly throws: readonly string[]
  readonly examples: readonly string[]
}

/** What API Extractor says of a constructor that nobody described. */
const ofItsOwn = 'Constructs a new instance of the '

const groups = {
  Class: 'Classes',
  Function: 'Functions',
  Interface: 'Interfaces',
  TypeAlias: 'Types',
  Variable: 'Constants',
}

/** Writes the pages into this folder, which is emptied first. */
export async function writeApiPages(folder: string): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-api-pages-'))
  try {
    const pages = doors().map((door) => {
      const file = `${path.basename(door.report, '.api.md')}.md`
      const model = path.join(scratch, file)
      writeDocModel(door, model)
      return { door, file, items: itemsOf(JSON.parse(fs.readFileSync(model, 'utf8')) as Item) }
    })
    for (const page of pages) fs.writeFileSync(path.join(folder, page.file), await pageText(page, linksOf(page, pages)))
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true })
  }
}

function itemsOf({ members: [entry] = [] }: Item): readonly Item[] {
  const items = entry?.members ?? []
  const unknown = items.filter(({ kind }) => !(kind in groups))
  if (unknown.length > 0) throw new Error(`what is a ${unknown[0]?.kind} to the API reference?`)
  return items
}

/** By its name, where a thing is described: on this page, or else on the first that has it. */
function linksOf(own: ApiPage, pages: readonly ApiPage[]): ReadonlyMap<string, string> {
  const links = new Map<string, string>()
  for (const { file, items } of [own, ...pages]) {
    for (const { name = '' } of items) {
      const anchor = `#${anchorOf(name)}`
      if (!links.has(name)) links.set(name, file === own.file ? anchor : `${file}${anchor}`)
    }
  }
  return links
}

async function pageText({ door, items }: ApiPage, links: ReadonlyMap<string, string>): Promise<string> {
  const parts = ['---', 'editLink: false', '---', '', `# ${door.specifier}`, '']
  parts.push(`Everything that \`${door.specifier}\` exports, made of its docstrings.`, '')
  for (const [kind, title] of Object.entries(groups)) {
    const ofKind = items.filter((item) => item.kind === kind)
    if (ofKind.length > 0) parts.push(`## ${title}`, '')
    for (const item of ofKind) parts.push(...(await itemLines(item, links)), '')
  }
  return parts.join('\n')
}

async function itemLines(item: Item, links: ReadonlyMap<string, string>): Promise<string[]> {
  const others = new Map([...links].filter(([name]) => name !== item.name))
  const lines = [`### ${item.name}`, '', ...(await fence(declarationOf(item))), ...(await docLines(item, others))]
  for (const member of item.members ?? []) {
    const [first = '', ...rest] = await docLines(member, others)
    if (first === '' || first.startsWith(ofItsOwn)) continue
    lines.push(`- **\`${labelOf(member)}\`** ${first}`, ...rest.map((line) => (line === '' ? '' : `  ${line}`)))
  }
  return lines
}

function labelOf({ kind, name }: Item): string {
  if (kind === 'Constructor') return 'constructor'
  return kind.startsWith('Method') ? `${name}()` : `${name}`
}

async function docLines(item: Item, links: ReadonlyMap<string, string>): Promise<string[]> {
  const { summary, throws, examples } = docstringOf(item.docComment ?? '')
  const lines = summary === '' ? [] : [...prose(summary, links).split('\n'), '']
  for (const what of throws) lines.push(`Throws ${prose(what, links)}`, '')
  for (const example of examples) lines.push(...(await fence(example)))
  return lines
}

/** API Extractor gives every tag paragraphs of its own. */
export function docstringOf(comment: string): Docstring {
  const text = comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/\s*$/, '')
    .replaceAll(/^ *\* ?/gm, '')
  const [summary = '', ...blocks] = text.split(/^@(?=(?:throws|example)\b)/m)
  const of = (tag: string) =>
    blocks.filter((block) => block.startsWith(tag)).map((block) => block.slice(tag.length).trim())
  return {
    summary: summary.trim(),
    throws: of('throws').map((what) => what.replaceAll('\n', ' ')),
    examples: of('example'),
  }
}

/** Names of what is described elsewhere lead there; what looks like a tag is text. */
export function prose(text: string, links: ReadonlyMap<string, string>): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part) => {
      if (!part.startsWith('`')) return part.replaceAll('<', '&lt;').replaceAll('{{', '{<!-- -->{')
      const link = links.get(part.slice(1, -1))
      return link === undefined ? part : `[${part}](${link})`
    })
    .join('')
}

const excerpt = ({ excerptTokens = [] }: Item) => excerptTokens.map(({ text }) => text).join('')

function declarationOf(item: Item): string {
  const head = excerpt(item).replace(/^export (declare )?/, '')
  if (item.kind !== 'Class' && item.kind !== 'Interface') return head
  return `${head.trim()} {\n${(item.members ?? []).map(excerpt).join('\n')}\n}`
}

async function fence(code: string): Promise<string[]> {
  return ['```ts', (await formatted(code)).trimEnd(), '```', '']
}

/** API Extractor takes away how an example was indented. */
async function formatted(code: string): Promise<string> {
  try {
    return await format(code, { parser: 'typescript', semi: false, singleQuote: true, printWidth: 88 })
  } catch (error) {
    // Some examples leave something out (`…`): they stay as they are.
    if (error instanceof SyntaxError) return code
    throw error
  }
}
