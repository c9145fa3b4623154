import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeError, Notebook } from '../messages/notebook.ts'
import { worlds, type World } from '../worlds.ts'
import { openApp, type HostileApp, type Parts } from './apps.ts'
import { endOf } from './ends.ts'

const maxPayloadBytes = 10_000
/** Encoded, text is in brackets and quotes. */
const most = 'x'.repeat(maxPayloadBytes - 4)
const over = `${most}x`

const parts: Parts = {
  functions: {
    echo: (data) => data,
    give: (name: 'most' | 'over') => (name === 'most' ? most : over),
    fail: (name: 'most' | 'over') => {
      throw Object.assign(new TypeError('it failed'), { code: 'E_MUCH', carried: name === 'most' ? 'little' : over })
    },
  },
  workflows: {
    input: async (_workflow, input) => String(input).length,
    data: async (workflow, name) => String(await workflow.do('Give', 'echo', name === 'most' ? most : over)).length,
    result: async (workflow, name) => String(await workflow.do('Give', 'give', name, { retries: 3 })).length,
    inline: async (workflow, name) => workflow.do('Give', () => (name === 'most' ? most : over), { retries: 3 }).then((text) => text.length),
    output: async (_workflow, name) => (name === 'most' ? most : over),
    error: async (workflow, name) => workflow.do('Fail', 'fail', name),
    thrown: async (_workflow, name) => {
      throw Object.assign(new Error('thrown'), { carried: name === 'most' ? 'little' : over })
    },
  },
} // prettier-ignore

describe.each(worlds)('a payload over the limit on $name', ({ openWorld }) => {
  let world: World
  let app: HostileApp

  beforeAll(async () => {
    world = await openWorld()
    app = await openApp(world, parts, { maxPayloadBytes })
  })
  afterAll(() => world?.drop())
  afterAll(() => app?.close())

  test('A37: is an error at its place, one byte less is not; nothing half is written', async () => {
    const notes = new Notebook()
    const { service } = app
    const start = async (workflow: string, input: unknown): Promise<string> => {
      const { runId } = await service.startRun(workflow, input)
      await endOf(service, runId)
      return runId
    }
    expect(await service.waitForRun(await start('input', most))).toBe(most.length)
    const before = await world.contents()
    await notes.refused('the input of a run', () => service.startRun('input', over))
    expect((await world.contents()).runs).toBe(before.runs)
    for (const place of ['data', 'result', 'inline', 'output'] as const) {
      const fits = await start(place, 'most')
      expect(await service.waitForRun(fits), place).toEqual(place === 'output' ? most : most.length)
      const runId = await start(place, 'over')
      const run = await service.getRun(runId)
      notes.add(place, `${run?.status}, ${describeError(run?.error)}`)
      const history = await service.getRunHistory(runId)
      expect(history.length, 'no other attempt of what is the same again').toBeLessThanOrEqual(1)
      expect(JSON.stringify([run, history]).length).toBeLessThan(3_000)
    }
    // An error is never too large to be on record: what it carries is left out.
    for (const place of ['error', 'thrown'] as const) {
      const small = await service.getRun(await start(place, 'most'))
      expect(small?.error).toMatchObject({ carried: 'little' })
      const large = await service.getRun(await start(place, 'over'))
      expect(large?.error).not.toHaveProperty('carried')
      notes.add(place, `${large?.status}, ${describeError(large?.error)}`)
    }
    await notes.check('payload-limit')
  })
})
