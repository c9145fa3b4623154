import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openPair, purePairs, type OpenPair } from '../harness/pairs.ts'
import { World } from '../harness/world.ts'

const processCount = 20

describe.each(purePairs)('$name', (pair) => {
  let opened: OpenPair
  let world: World

  beforeEach(async () => {
    opened = await openPair(pair)
    world = await World.open(opened.servers)
  })
  afterEach(async () => {
    await world.close()
    await opened.close()
  })

  test('F53: twenty workers that start at once on an empty store all come up, and one runs the work', async () => {
    const BARRIER = world.file('barrier')
    const workers = Array.from({ length: processCount }, () => world.spawnWorker({ BARRIER }))
    await Promise.all(workers.map((worker) => worker.printed(/^waiting$/m, 60_000)))

    writeFileSync(BARRIER, '')
    await Promise.all(workers.map((worker) => worker.printed(/^ready$/m, 60_000)))

    const { runId } = await world.rpc.startWorkflow('chain', { length: 5 })
    expect(await world.services.workflowService.waitForRun(runId, { timeout: '60s' })).toBe(10)
    expect(world.entries({ event: 'started' })).toHaveLength(5)

    for (const worker of workers) worker.signal('SIGTERM')
    const codes = await Promise.all(workers.map((worker) => worker.exit()))
    expect(codes, workers.map(({ output }) => output).join('\n')).toEqual(workers.map(() => 0))
  })
})
