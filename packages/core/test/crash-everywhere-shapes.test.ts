import { describe, expect, test } from 'vitest'
import { crashEverywhere } from '../src/testing/index.ts'
import { workflowOf } from './histories/shape.ts'
import { shapes } from './histories/shapes.ts'

/** Not to be played here, and why. */
const left: Readonly<Record<string, string>> = {
  race: 'a death takes longer than its limit',
  sleep: 'it answers what time it is',
  'sleep until': 'it answers what time it is',
  'now, random and uuid': 'it answers what time it is',
  'a thousand steps': 'an hour',
  'suspended by a divergence': 'its code changes',
}
const played = Object.entries(shapes).filter(([name]) => left[name] === undefined)

describe.runIf(process.env['LANE'] === 'slow')('crashEverywhere on every golden shape (LANE=slow)', () => {
  test.each(played)('%s', { timeout: 120_000 }, async (name, { body, input, functions, failures, crashes }) => {
    const report = await crashEverywhere(workflowOf(body), {
      input,
      rpcs: functions as never,
      ...(failures ? { failures } : {}),
      ...(crashes ? { crashes } : {}),
    })
    console.log(`crash everywhere, ${name}: ${report.runs} runs, every one ${report.status}`)
    expect(report.runs).toBeGreaterThan(report.writes.length)
  })
})
