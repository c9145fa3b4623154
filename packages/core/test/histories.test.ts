import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { RecordedHistory } from '../src/index.ts'
import { checksumOf, checksumsFile, decode, fileOf, folder, readGolden, replayed } from './histories/golden.ts'
import { shapes } from './histories/shapes.ts'

const files = readdirSync(folder).filter((name) => name !== 'checksums.json')

describe('golden histories: what a released version recorded is replayed to the same for ever', () => {
  test('each shape has one, and each belongs to a shape', () => {
    expect(files.sort()).toEqual(Object.keys(shapes).map(fileOf).sort())
  })

  test('none was touched since it was recorded', () => {
    const found = Object.fromEntries(files.sort().map((file) => [file, checksumOf(file)]))
    expect(found).toEqual(JSON.parse(readFileSync(checksumsFile, 'utf8')))
  })

  test.each(Object.entries(shapes))(
    '%s: the same decision, output, and values in the same order',
    async (name, shape) => {
      const golden = readGolden(fileOf(name))
      const now = await replayed(shape.later ?? shape.body, golden.history)
      expect(now.status, now.divergence ?? '').toBe(golden.status)
      for (const part of ['output', 'error', 'given'] as const) expect(decode(now[part])).toEqual(decode(golden[part]))
    },
  )

  const going = Object.entries(shapes).filter(([, { later }]) => later === undefined)
  test.each(going)('%s: a run that was only so far goes on', async (name, { body }) => {
    const { history, given } = readGolden(fileOf(name))
    const all = decode(given) as unknown[]
    const settlements = history.steps.flatMap(({ settledSeq }) => settledSeq ?? []).sort((a, b) => a - b)
    const places = [0, ...settlements].filter((_place, at) => settlements.length < 50 || at % 97 === 0)
    for (const place of places) {
      const now = await replayed(body, upTo(history, place))
      expect(now.divergence, `after ${place}`).toBe(null)
      const soFar = settlements.filter((settled) => settled <= place).length
      expect(decode(now.given), `after ${place}`).toEqual(all.slice(0, soFar))
    }
  })
})

/** The history as it was when the settlement at this place was the last. */
function upTo(history: RecordedHistory, place: number): RecordedHistory {
  const open = {
    status: 'scheduled',
    output: null,
    error: null,
    reason: null,
    settledSeq: null,
    settledAt: null,
  } as const
  const isSettled = ({ settledSeq }: { settledSeq: number | null }): boolean =>
    settledSeq !== null && settledSeq <= place
  const steps = history.steps
    .filter((step) => step.askedAfter <= place && (step.kind !== 'inline' || isSettled(step)))
    .map((step) => (isSettled(step) ? step : { ...step, ...open }))
  return { ...history, status: 'running', output: null, error: null, reason: null, steps }
}
