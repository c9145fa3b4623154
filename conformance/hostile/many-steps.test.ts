import { afterAll, describe, expect, test } from 'vitest'
import { kinds, runManySteps, shapes, stores, toLine } from './many-steps.ts'

/** What is promised of 10,000, tried with fewer between two commits: PIKKU_MANY_STEPS=10000 tries it as it is promised. */
const count = Number(process.env['PIKKU_MANY_STEPS'] ?? 1_000)
/** The minute is for a machine that does little else, not beside everything else that `npm test` runs. */
const isPromised = count >= 10_000
const longestMs = 60_000
const mostBytes = 2 ** 30

const lines: string[] = []
afterAll(() => console.log(`\n${lines.join('\n')}\n`))

describe.each(stores)('%s', (store) => {
  describe.each(shapes)('%s', (shape) => {
    test.each(kinds)(`${count} %s steps of one run take ${isPromised ? 'a minute and ' : ''}a GiB at most`, async (kind) => {
      const given = { store, shape, kind, count }
      const figures = await runManySteps(given)
      lines.push(toLine(given, figures))
      if (isPromised) expect(figures.ms).toBeLessThan(longestMs)
      expect(figures.maxRssBytes).toBeLessThan(mostBytes)
    }, 700_000) // prettier-ignore
  })
})
