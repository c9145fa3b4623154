// The built site in Debian's Chromium. What it looks like is left in docs/screenshots.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const dist = path.join(import.meta.dirname, 'dist')
const wide = { width: 1440, height: 900 }
const narrow = { width: 390, height: 844 }
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

/** As any host of files that finds `page.html` for `/page`. */
const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const names = [pathname, `${pathname}.html`, path.posix.join(pathname, 'index.html')]
  const file = names
    .map((name) => path.join(dist, name))
    .find((name) => fs.statSync(name, { throwIfNoEntry: false })?.isFile())
  if (file === undefined) return void response.writeHead(404).end()
  response.writeHead(200, { 'content-type': types[path.extname(file)] ?? 'application/octet-stream' })
  response.end(fs.readFileSync(file))
})

/** Of `rgb(27, 27, 31)`: 0 is black, 255 is white. */
function brightness(color: string): number {
  const [red = NaN, green = NaN, blue = NaN] = (color.match(/\d+/g) ?? []).map(Number)
  return (red + green + blue) / 3
}

// `npm test` does not bring a browser.
describe.runIf(process.env['LANE'] === 'slow')('the site in a browser', { timeout: 120_000 }, () => {
  let browser: Browser | undefined
  let address: string

  beforeAll(async () => {
    execFileSync(process.execPath, [path.join(root, 'tooling/commands/site.ts')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // Of vitest it is `test`, by which Vue would build something else.
      env: { ...process.env, NODE_ENV: 'production' },
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    // As root Chromium has no sandbox; what it shows here is ours.
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  }, 300_000)

  afterAll(async () => {
    await browser?.close()
    server.close()
  })

  /** A page, and what goes wrong in it. */
  async function open(where: string, options: BrowserContextOptions): Promise<{ page: Page; problems: string[] }> {
    if (browser === undefined) throw new Error('there is no browser')
    const page = await browser.newPage(options)
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => void (message.type() === 'error' && problems.push(message.text())))
    await page.goto(`${address}${where}`, { waitUntil: 'networkidle' })
    return { page, problems }
  }

  async function keep(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: path.join(root, `docs/screenshots/${name}.png`) })
    console.log(`site, docs/screenshots/${name}.png: ${await page.title()}`)
  }

  test('wide: the title, all pages at the side, diagrams that are there', async () => {
    const { page, problems } = await open('/how-it-works', { viewport: wide })
    expect(await page.title()).toBe('How it works | Pikku Workflows')
    expect(await page.locator('.VPSidebar a').count()).toBeGreaterThan(40)
    const images = "[...document.querySelectorAll('.vp-doc img')].map((image) => image.naturalWidth)"
    const widths = await page.evaluate<number[]>(images)
    expect(widths).toEqual([760, 760])
    await keep(page, 'wide')
    expect(problems).toEqual([])
    await page.close()
  })

  test('narrow: no page is wider than a telephone; the menu opens', async () => {
    const { page, problems } = await open('/', { viewport: narrow, isMobile: true, hasTouch: true })
    const pages = fs.globSync('**/*.html', { cwd: dist }).map((file) => `/${file.replace(/(index)?\.html$/, '')}`)
    const tooWide: string[] = []
    for (const where of pages.filter((each) => each !== '/404')) {
      await page.goto(`${address}${where}`)
      const width = await page.evaluate<number>('document.documentElement.scrollWidth')
      if (width > narrow.width) tooWide.push(`${where}: ${width}`)
    }
    console.log(`site, ${pages.length - 1} pages at a width of ${narrow.width}`)
    expect(tooWide).toEqual([])
    await page.goto(`${address}/steps`, { waitUntil: 'networkidle' })
    await keep(page, 'narrow')
    await page.locator('.VPLocalNav button.menu').click()
    await page.locator('.VPSidebar.open').getByText('Retries and crashes').waitFor()
    expect(problems).toEqual([])
    await page.close()
  })

  test('dark: dark where the reader has it so, light at a click', async () => {
    const { page, problems } = await open('/why', { viewport: wide, colorScheme: 'dark' })
    const shades = async () => {
      const colors = await page.evaluate<string[]>(
        "['color', 'background-color'].map((name) => getComputedStyle(document.body).getPropertyValue(name))",
      )
      const [text = NaN, ground = NaN] = colors.map(brightness)
      return { text, ground }
    }
    const dark = await shades()
    expect(dark.ground).toBeLessThan(50)
    expect(dark.text).toBeGreaterThan(200)
    await keep(page, 'dark')
    await page.locator('.VPNavBarAppearance .VPSwitchAppearance').click()
    await expect.poll(async () => (await shades()).ground).toBeGreaterThan(240)
    expect(problems).toEqual([])
    await page.close()
  })

  test('the search finds a page by a word of its text, and leads to it', async () => {
    const { page, problems } = await open('/', { viewport: wide })
    await page.keyboard.press('Control+k')
    await page.locator('.VPLocalSearchBox input').fill('PgBouncer transaction mode')
    const found = page.locator('.VPLocalSearchBox a.result[href^="/postgres"]').first()
    await found.waitFor()
    await keep(page, 'search')
    await found.click()
    await page.waitForURL(/\/postgres/)
    expect(await page.locator('h1').first().textContent()).toContain('PostgreSQL')
    expect(problems).toEqual([])
    await page.close()
  })
})
