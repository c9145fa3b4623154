import fc from 'fast-check'
import type { WorkflowContext } from '@pikku/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { worlds, type World } from '../worlds.ts'
import { anyName, impossibleNames, pointedTexts, times, timeout } from './arbitraries.ts'
import { openApp, type HostileApp } from './apps.ts'
import { endOf } from './ends.ts'

/** A workflow and a function of each name; every step, run and result is called by it as well. */
async function openNamed(world: World, names: readonly string[]): Promise<HostileApp> {
  return openApp(world, {
    functions: new Map(names.map((name) => [name, (data: unknown) => [name, data]])),
    workflows: new Map(
      names.map((name) => [
        name,
        async (workflow: WorkflowContext) => {
          const [rpc, inline] = await Promise.all([
            workflow.do(name, name, { [name]: name }),
            workflow.do(name, async () => `inline ${name}`),
            workflow.sleep(name, 1),
          ])
          const [again] = [await workflow.do(name, name, name)]
          return [rpc, inline, again, workflow.runId, workflow.workflowName]
        },
      ]),
    ),
  })
}

/** Ids are shorter than names, and each is used once. */
function runIdOf(name: string, salt: string): string {
  return `${salt}${name}`.slice(0, 200).toWellFormed()
}

async function checkNames(world: World, names: readonly string[], salt: string): Promise<void> {
  const app = await openNamed(world, names)
  try {
    await Promise.all(
      names.map(async (name) => {
        const runId = runIdOf(name, salt)
        expect(await app.service.startRun(name, null, { runId })).toEqual({ runId, created: true })
        expect(await endOf(app.service, runId), JSON.stringify(name)).toBe('completed')
        const run = await app.service.getRun(runId)
        const first = [name, Object.fromEntries([[name, name]])]
        expect(run?.output).toEqual([first, `inline ${name}`, [name, name], runId, name])
        const steps = await app.service.listSteps(runId)
        expect(steps.map(({ stepName, ordinal }) => `${ordinal} ${stepName}`).sort()).toEqual(
          [0, 1, 2, 3].map((ordinal) => `${ordinal} ${name}`),
        )
        const { runs } = await app.service.listRuns({ workflow: name, limit: 1_000 })
        expect(runs.every(({ workflow }) => workflow === name)).toBe(true)
        expect(runs.some(({ id }) => id === runId)).toBe(true)
      }),
    )
  } finally {
    await app.close()
  }
}

describe.each(worlds)('names on $name', ({ openWorld }) => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world?.drop())

  test('that mean something to somebody mean nothing here', { timeout }, async () => {
    await checkNames(world, [...new Set(pointedTexts)], 'pointed ')
    // As the whole id, too.
    await checkNames(world, [...new Set(pointedTexts)], '')
  })

  test('of any well-formed text', { timeout }, async () => {
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyName, { minLength: 15, maxLength: 25 }), async (names) => {
        await checkNames(world, names, `round ${round++} `)
      }),
      { numRuns: 3 * times, endOnFailure: true },
    )
  })

  test('that cannot be kept are refused, and nothing is written', async () => {
    const refused = async (workflow: WorkflowContext, input: { name: string }): Promise<unknown> => {
      const asked = [
        workflow.do(input.name, 'echo', 1),
        workflow.do(input.name, () => 1),
        workflow.sleep(input.name, 1),
      ]
      return (await Promise.allSettled(asked)).map((one) =>
        one.status === 'rejected' ? Reflect.get(Object(one.reason), 'code') : 'taken',
      )
    }
    const app = await openApp(world, { functions: { echo: (data) => data }, workflows: { refused } })
    const { runs, steps, attempts } = await world.contents()
    const before = { runs, steps, attempts }
    for (const name of impossibleNames) {
      const shown = JSON.stringify(name.slice(0, 20))
      await expect(app.service.startRun(name, null), shown).rejects.toMatchObject({ code: 'WORKFLOW_NOT_FOUND' })
      const given = { runId: name }
      await expect(app.service.startRun('refused', null, given), shown).rejects.toMatchObject({ code: 'INVALID_NAME' })
      expect(await app.service.getRun(name), shown).toBeNull()
      expect(await app.service.getRunHistory(name), shown).toEqual([])
      expect((await app.service.listRuns({ workflow: name })).runs, shown).toEqual([])
    }
    for (const id of ['a\0', '\ud800', "'", '{}', 'x'.repeat(10_000)]) {
      const page = app.service.listRuns({ cursor: JSON.stringify([1, id]) })
      await page.catch((error: unknown) => expect(error).toMatchObject({ code: 'INVALID_INPUT' }))
    }
    expect(await world.contents()).toMatchObject(before)
    for (const name of impossibleNames) {
      const { runId } = await app.service.startRun('refused', { name })
      await endOf(app.service, runId)
      expect((await app.service.getRun(runId))?.output).toEqual(Array(3).fill('INVALID_NAME'))
      expect(await app.service.listSteps(runId)).toEqual([])
    }
    await app.close()
  })
})
