// The pages of docs/ as a site; they are read on GitHub as well, and stay where they are. `pnpm site` builds it.
import { defineConfig, type MarkdownOptions } from 'vitepress'
import { type GuideGroup, pagesOf, readGuide } from '../guide.ts'
import { anchorOf, linkOnSite, repository } from '../page-links.ts'

const entries = (pages: GuideGroup['pages']) => pages.map(({ title, file }) => ({ text: title, link: `/${file}` }))
const guide = readGuide()

const markdown: MarkdownOptions = {
  anchor: { slugify: anchorOf },
  languageAlias: { conf: 'ini' },
  config: (md) => {
    md.core.ruler.push('links-out-of-docs', (state) => {
      const page = String((state.env as { relativePath?: string }).relativePath ?? 'index.md')
      for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
        const href = token.type === 'link_open' ? token.attrGet('href') : null
        if (href !== null) token.attrSet('href', linkOnSite(page, href))
      }
    })
  },
}

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#5672cd"/>' +
  '<path d="M8 21V11l8 10V11l8 10V11" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round"/></svg>'

export default defineConfig({
  title: 'Pikku Workflows',
  description: 'Durable workflows for TypeScript on the PostgreSQL or the Redis you have',
  lang: 'en',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
  srcDir: '../../docs',
  srcExclude: ['examples/**'],
  outDir: 'dist',
  cacheDir: 'dist/.cache',
  cleanUrls: true,
  markdown,
  themeConfig: {
    nav: [
      { text: 'Quick start', link: '/getting-started' },
      { text: 'Tutorial', link: '/tutorial' },
      { text: 'How it works', link: '/how-it-works' },
      { text: 'API', link: '/api/core' },
    ],
    sidebar: [
      ...guide.map((group) => ({ text: group.title, items: entries(group.pages) })),
      { text: 'API reference', collapsed: true, items: entries(pagesOf('api')) },
      { text: 'Decisions', collapsed: true, items: entries(pagesOf('adr')) },
    ],
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
    editLink: { pattern: `${repository}/edit/main/docs/:path` },
    footer: { message: 'MIT' },
    externalLinkIcon: true,
  },
})
