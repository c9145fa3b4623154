import fs from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')
const docs = path.join(root, 'docs')

/** A heading of docs/index.md and the pages below it. */
export interface GuideGroup {
  readonly title: string
  readonly pages: readonly { readonly title: string; readonly file: string }[]
}

/**
 * The order of the pages, as docs/index.md lists them: what it says on GitHub is what stands at the side of the site.
 *
 * @throws Error that names the pages of docs/ that it does not list, or lists and are not there
 */
export function readGuide(
  text = fs.readFileSync(path.join(docs, 'index.md'), 'utf8'),
  written = pages(),
): GuideGroup[] {
  const groups = text
    .split(/^## /m)
    .slice(1)
    .map((group) => ({
      title: group.slice(0, group.indexOf('\n')),
      pages: [...group.matchAll(/^- \[([^\]]+)\]\(([\w./-]+\.md)\)/gm)].map(([, title = '', file = '']) => ({
        title,
        file,
      })),
    }))
  const listed = groups.flatMap((group) => group.pages.map(({ file }) => file))
  const problems = [
    ...written.filter((file) => !listed.includes(file)).map((file) => `does not list ${file}`),
    ...listed.filter((file) => !written.includes(file)).map((file) => `lists ${file}, which is not there`),
    ...listed.filter((file, at) => listed.indexOf(file) !== at).map((file) => `lists ${file} twice`),
  ]
  if (problems.length > 0) throw new Error(`docs/index.md ${problems.join('; ')}`)
  return groups
}

/** The pages of the guide, relative to docs/. Decisions and what is generated are listed by themselves. */
function pages(): string[] {
  return fs.readdirSync(docs).filter((file) => file.endsWith('.md') && file !== 'index.md')
}

/** The pages of a folder below docs/, titled by their first heading. */
export function pagesOf(folder: string): GuideGroup['pages'] {
  const full = path.join(docs, folder)
  if (!fs.existsSync(full)) return []
  return fs
    .readdirSync(full)
    .filter((file) => file.endsWith('.md'))
    .sort()
    .map((file) => {
      const [, title = file] = /^# (.+)$/m.exec(fs.readFileSync(path.join(full, file), 'utf8')) ?? []
      return { title: title.replaceAll('`', ''), file: `${folder}/${file}` }
    })
}
