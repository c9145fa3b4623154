import fs from 'node:fs'
import path from 'node:path'

/** What links of the built site lead nowhere: to a file or an element that is not there. VitePress looks at pages alone. */
export function checkAnchors(dist: string): string[] {
  const files = fs.globSync('**/*.html', { cwd: dist })
  if (files.length === 0) throw new Error(`there is no site in ${dist}`)
  const texts = new Map(files.map((file) => [file, fs.readFileSync(path.join(dist, file), 'utf8')]))
  const ids = new Map([...texts].map(([file, text]) => [file, new Set(matches(text, / id="([^"]+)"/g))]))
  return [...texts].flatMap(([file, text]) =>
    matches(text, /<a[^>]* href="([^"]*)"/g)
      .filter((href) => !/^([a-z][a-z+.-]*:|\/\/)/i.test(href))
      .filter((href) => !leadsSomewhere(file, href, { ids, dist }))
      .map((href) => `${file}: ${href} leads nowhere`),
  )
}

const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found)

function leadsSomewhere(
  from: string,
  href: string,
  { ids, dist }: { ids: ReadonlyMap<string, ReadonlySet<string>>; dist: string },
): boolean {
  const [file = '', anchor] = href.split('#')
  const base = file.startsWith('/') ? file.slice(1) : path.posix.join(path.posix.dirname(from), file)
  const page =
    file === '' ? from : [`${base}.html`, path.posix.join(base, 'index.html'), base].find((name) => ids.has(name))
  if (page === undefined) return fs.existsSync(path.join(dist, base))
  return anchor === undefined || anchor === '' || ids.get(page)?.has(decodeURIComponent(anchor)) === true
}
