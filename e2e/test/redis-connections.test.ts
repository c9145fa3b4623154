import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../harness/deadline.ts'
import { openPair, purePairs, type OpenPair } from '../harness/pairs.ts'
import { World } from '../harness/world.ts'

const runCount = 20
const length = 8

let opened: OpenPair
let world: World
let admin: Redis

beforeEach(async () => {
  const pair = purePairs.find(({ store }) => store === 'Redis')
  if (!pair) throw new Error('no pair is on Redis')
  opened = await openPair(pair)
  world = await World.open(opened.servers)
  admin = new Redis(opened.servers.STORE_URL)
})
afterEach(async () => {
  admin.disconnect()
  await world.close()
  await opened.close()
})

/** Runs under way; `disturb` is called at each tenth of the work. */
async function underLoad(disturb: () => Promise<unknown>): Promise<void> {
  await Promise.all([world.startWorker(), world.startWorker()])
  const { workflowService } = world.services
  const runs = await Promise.all(Array.from({ length: runCount }, () => world.rpc.startWorkflow('chain', { length })))
  for (let tenth = 1; tenth <= 9; tenth++) {
    const soFar = (runCount * length * 2 * tenth) / 10
    await eventually('the work gets on', () => world.entries().length >= soFar, 60_000)
    await disturb()
  }
  for (const { runId } of runs) {
    expect(await workflowService.waitForRun(runId, { timeout: '60s' })).toBe(28)
    const history = await workflowService.getRunHistory(runId)
    expect(history.filter(({ status }) => status === 'succeeded')).toHaveLength(length * 2)
    for (let i = 0; i < length; i++) {
      const starts = world.entries({ event: 'started', runId, step: `note ${i}` })
      expect(new Set(starts.map(({ attempt }) => attempt)).size, 'one start for each attempt').toBe(starts.length)
    }
  }
}

test('CLIENT KILL of every connection, nine times: every run ends, every step has one result', async () => {
  let killed = 0
  await underLoad(async () => {
    for (const type of ['pubsub', 'normal']) {
      killed += Number(await admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'))
    }
  })
  // Two workers and this process, with several connections each.
  expect(killed).toBeGreaterThan(9 * 6)
})

test('SCRIPT FLUSH, nine times: nobody notices', async () => {
  await underLoad(() => admin.call('SCRIPT', 'FLUSH'))
  expect(world.entries({ event: 'started' })).toHaveLength(runCount * length)
})
