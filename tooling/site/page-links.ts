import fs from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')
export const repository = 'https://github.com/pikku-org/pikku-workflows'

/** The anchor of a heading, as GitHub makes it: pages are read there and on the site, and link to each other's headings. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replaceAll(' ', '-')
}

/**
 * Where a link of a page leads on the site. What is no page of it (sources, examples, the architecture) is read in the
 * repository.
 *
 * `page`: the page, relative to docs/.
 *
 * @throws Error for a file that is not there
 */
export function linkOnSite(page: string, href: string): string {
  if (href === '' || /^([a-z][a-z+.-]*:|\/|#)/i.test(href)) return href
  const [file = '', anchor] = href.split('#')
  const target = path.posix.join('docs', path.posix.dirname(page), decodeURI(file))
  if (/^docs\/(?!examples\/)[\w/-]+\.(md|svg)$/.test(target)) return href
  const found = fs.statSync(path.join(root, target), { throwIfNoEntry: false })
  if (found === undefined) throw new Error(`docs/${page}: ${href} leads nowhere`)
  const kind = found.isDirectory() ? 'tree' : 'blob'
  return `${repository}/${kind}/main/${target.replace(/\/$/, '')}${anchor === undefined ? '' : `#${anchor}`}`
}
