import path from 'node:path'
import { type Finding, lineAt, type SourceFile } from './source-files.ts'

/** Whether there is a file or a folder of this path, relative to the root. */
export type Exists = (path: string) => boolean

/** `[text](target)` and `[name]: target`, with what may follow a target in quotes. */
const links = /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\[[^\]]+\]:\s+(\S+)/gm

/**
 * Every relative link of these pages leads to a file or a folder, and its anchor to a heading. What leads out of the
 * repository is not followed.
 */
export function checkLinks(pages: readonly SourceFile[], exists: Exists): Finding[] {
  const headings = new Map(pages.map((page) => [page.path, anchorsOf(page.text)]))
  return pages.flatMap((page) => {
    const text = withoutCode(page.text)
    return [...text.matchAll(links)].flatMap((match): Finding[] => {
      const target = match[1] ?? match[2] ?? ''
      if (/^([a-z][a-z+.-]*:|\/\/)/i.test(target)) return []
      const message = whyBroken(page.path, target, { exists, headings })
      return message === undefined ? [] : [{ path: page.path, line: lineAt(text, match.index), message }]
    })
  })
}

function whyBroken(
  page: string,
  target: string,
  { exists, headings }: { exists: Exists; headings: ReadonlyMap<string, ReadonlySet<string>> },
): string | undefined {
  const [file = '', anchor] = target.split('#')
  const full = file === '' ? page : path.posix.join(path.posix.dirname(page), decodeURI(file))
  if (full.startsWith('..')) return `${target} leads out of the repository`
  if (file !== '' && !exists(full)) return `${target} leads nowhere: there is no ${full}`
  const known = headings.get(full)
  if (anchor === undefined || known === undefined) return undefined
  return known.has(anchor) ? undefined : `${target} leads nowhere: ${full} has no heading #${anchor}`
}

/** The anchors that GitHub gives to headings. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutFences(text).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = words.replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '').replaceAll(' ', '-')
    let free = anchor
    for (let n = 1; anchors.has(free); n += 1) free = `${anchor}-${n}`
    anchors.add(free)
  }
  for (const [, id = ''] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id)
  return anchors
}

/** Lines stay where they are. */
function withoutFences(text: string): string {
  return text.replaceAll(/^( *)(```+|~~~+)[^\n]*\n[\s\S]*?^ *\2 *$/gm, (fence) => fence.replaceAll(/[^\n]/g, ''))
}

function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/(`+)[^`\n]+\1/g, (code) => ' '.repeat(code.length))
}

/** What a page names as `` `file` › title ``: the test that shows something. */
const namedTests = /`([\w./-]+\.ts)` › ([^|;)\n]+?)\s*(?=[|;)\n]|<br>)/g

/** Every test that these pages name is in the file they name. `read` answers null where there is no such file. */
export function checkNamedTests(pages: readonly SourceFile[], read: (path: string) => string | null): Finding[] {
  return pages.flatMap((page) =>
    [...page.text.matchAll(namedTests)].flatMap((match): Finding[] => {
      const [, file = '', title = ''] = match
      const source = read(file)
      if (source?.includes(title)) return []
      const message = source === null ? `there is no ${file}` : `${file} has no test called '${title}'`
      return [{ path: page.path, line: lineAt(page.text, match.index), message }]
    }),
  )
}

/** What a page says to look at in a file: `` `name` in [file.ts](path) ``, or `of` it. */
const namedCode = /`([#\w.]+)` (?:in|of) \[[^\]]+\]\(([^)#]+\.(?:ts|lua))\)/g

/** Every name that these pages send their reader to is in the file they link. `read` answers null where there is no such file. */
export function checkNamedCode(pages: readonly SourceFile[], read: (path: string) => string | null): Finding[] {
  return pages.flatMap((page) =>
    [...page.text.matchAll(namedCode)].flatMap((match): Finding[] => {
      const [, name = '', target = ''] = match
      const file = path.posix.join(path.posix.dirname(page.path), target)
      if (read(file)?.includes(name)) return []
      return [{ path: page.path, line: lineAt(page.text, match.index), message: `there is no ${name} in ${file}` }]
    }),
  )
}
