import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'vitest'
import { defects } from './defects.ts'
import type { News, Order } from './messages.ts'
import { freshSeed, simulate } from './simulate.ts'

const fixedSeeds = 200
/** The seeds a defect has to be found among. */
const triedSeeds = 300

async function newsOf(order: Order): Promise<News[]> {
  const news: News[] = []
  await simulate(order, (one) => news.push(one))
  return news
}

function brokenIn(news: readonly News[]): string[] {
  return news.flatMap((one) =>
    one.kind === 'broken' ? [`pnpm simulate --replay ${one.seed} breaks ${one.law}: ${one.how}`] : [],
  )
}

function hashesIn(news: readonly News[]): string[] {
  return news.flatMap((one) => (one.kind === 'hash' ? [`${one.seed} ${one.hash}`] : []))
}

describe.concurrent('simulation', () => {
  test('fixed seeds break no law, and the same seed is the same world to the last happening', async () => {
    const order = { kind: 'run', from: 1, stride: 1, seeds: fixedSeeds, minutes: null, hashes: true } as const
    const first = await newsOf(order)
    assert.deepEqual(brokenIn(first), [])
    assert.equal(new Set(hashesIn(first)).size, fixedSeeds)
    // In another order, in another process.
    const odd = await newsOf({ ...order, stride: 2, seeds: fixedSeeds / 2 })
    const again = hashesIn(odd)
    assert.deepEqual(
      again,
      hashesIn(first).filter((_, i) => i % 2 === 0),
    )
  }, 300_000)

  test('a minute of seeds that nobody has tried yet', async () => {
    const from = freshSeed()
    const news = await newsOf({ kind: 'run', from, stride: 1, seeds: 2 ** 31, minutes: 1 })
    const seeds = news.reduce((sum, one) => sum + (one.kind === 'figures' ? one.seeds : 0), 0)
    console.info(`simulated ${seeds} seeds from ${from} on`)
    assert.deepEqual(brokenIn(news), [])
    assert.ok(seeds > 0)
  }, 300_000)

  test('a seed that breaks a law is made smaller, and the smaller one is the same again', async () => {
    const defect = 'a repeated claim is a second one'
    const [broken] = (await newsOf(searchOf(defect))).filter((one) => one.kind === 'broken')
    assert.ok(broken)
    const [small] = (await newsOf({ kind: 'shrink', seed: broken.seed, defect })).filter((one) => one.kind === 'trace')
    assert.ok(small)
    assert.equal(small.broken?.law, broken.law)
    const { seed, reduction, lines } = small
    assert.equal(reduction.runs?.length, 1)
    assert.ok((reduction.faults?.length ?? Infinity) <= 3, `faults: ${reduction.faults?.join(', ')}`)
    const [again] = (await newsOf({ kind: 'trace', seed, reduction, defect })).filter((one) => one.kind === 'trace')
    assert.deepEqual(again?.lines, lines)
  }, 300_000)

  test('every planted defect is found, and the law it breaks is named', async () => {
    for (const [defect, { laws }] of Object.entries(defects)) {
      const [broken] = (await newsOf(searchOf(defect))).filter((one) => one.kind === 'broken')
      assert.ok(broken, `'${defect}' was not found among ${triedSeeds} seeds`)
      assert.ok(
        laws.includes(broken.law),
        `'${defect}' was found as ${broken.law} (seed ${broken.seed}): ${broken.how}`,
      )
    }
  }, 300_000)
})

test('for every law a defect is planted', () => {
  const found = readdirSync(import.meta.dirname).flatMap((file) => {
    const text = file.endsWith('.ts') ? readFileSync(path.join(import.meta.dirname, file), 'utf8') : ''
    const named = text.matchAll(/(?:LawBroken\(\s*|const law = )(?:'([^']+)'|[^',]+\? '([^']+)' : '([^']+)')/g)
    return [...named].flatMap(([, ...laws]) => laws.filter((law) => law !== undefined))
  })
  const planted = new Set(Object.values(defects).map(({ laws: [law] }) => law))
  assert.ok(found.length > 15)
  assert.deepEqual(
    found.filter((law) => !planted.has(law)),
    [],
  )
})

function searchOf(defect: string): Order {
  return { kind: 'run', from: 1, stride: 1, seeds: triedSeeds, minutes: null, defect, first: true }
}
