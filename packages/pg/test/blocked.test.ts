import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { whenUnheardFor } from '../src/awake-timer.ts'
import { Driver, type Pool } from '../src/driver.ts'
import { databaseUrl, quiet, until } from './pg-harness.ts'

/*
 * A step may hold the thread for longer than any wait of ours (A22). When it lets go, every timer is due at once, before
 * anything is read of what came meanwhile.
 */

const answerTimeoutMs = 400

let driver: Driver
let pool: Pool

beforeEach(() => {
  driver = new Driver(databaseUrl(), { logger: quiet, userTimeoutMs: 10_000, answerTimeoutMs })
  pool = driver.pool({ max: 1 })
})
afterEach(() => driver.close())

/** Hold this thread: no timer fires and nothing is read. */
function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
const slow = (seconds = 0.1): Promise<unknown> =>
  pool.query({ name: 'test', text: 'select pg_sleep($1)::text as slept' }, [seconds])

describe('a thread that was blocked for longer than an answer is waited for', () => {
  it('reads the answers that came meanwhile, and gives up neither them nor those who wait for a connection', async () => {
    await slow()
    // Who had to wait for a connection has a quarter of the time left, at least.
    const [sent, waiting] = [slow(), slow(0.01)]
    // By then the first is on its way, with its statement prepared.
    for (let turns = 0; turns < 5; turns += 1) await turn()
    block(2.5 * answerTimeoutMs)
    expect(await Promise.all([sent, waiting])).toEqual([[{ slept: '' }], [{ slept: '' }]])
  })

  it('still gives up one who says nothing while it listens', async () => {
    let isLate = false
    const since = performance.now()
    whenUnheardFor(answerTimeoutMs, () => (isLate = true))
    block(2.5 * answerTimeoutMs)
    for (let turns = 0; turns < 3; turns += 1) await turn()
    expect(isLate).toBe(false)
    await until(() => isLate)
    expect(performance.now() - since).toBeLessThan(5 * answerTimeoutMs)
  })

  it('listens no longer than asked to where nothing blocks it, and not at all once stopped', async () => {
    const late: string[] = []
    whenUnheardFor(200, () => late.push('late'))()
    const since = performance.now()
    whenUnheardFor(100, () => late.push('late too'))
    await until(() => late.length > 0)
    expect(performance.now() - since).toBeGreaterThan(95)
    await new Promise((resolve) => void setTimeout(resolve, 200))
    expect(late).toEqual(['late too'])
  })
})
