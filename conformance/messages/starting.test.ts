import { createRpc } from '@pikku/core'
import type { WorkflowService } from '@pikku/core/service'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { play, registerTestApp, User } from './app.ts'
import type { Contents } from '../database.ts'
import { worlds, type World } from '../worlds.ts'
import { Notebook } from './notebook.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let world: World
let queueService: ReturnType<World['queueService']>
let workflowService: WorkflowService
let services: { workflowService: WorkflowService; queueService: typeof queueService; logger: typeof silent }
let rpc: ReturnType<typeof createRpc>

registerTestApp()

const nothing: Contents = { runs: 0, steps: 0, attempts: 0, jobs: 0 }

/** Every one is refused, with the committed words, and leaves nothing behind. */
async function refuse(name: string, starts: Readonly<Record<string, () => unknown>>): Promise<void> {
  const notes = new Notebook()
  const before = await world.contents()
  for (const [given, act] of Object.entries(starts)) await notes.refused(given, act)
  expect(await world.contents()).toEqual(before)
  await notes.check(name)
}

describe.each(worlds)('on $name', ({ openWorld }) => {
  beforeAll(async () => {
    world = await openWorld()
    queueService = world.queueService()
    workflowService = world.workflowService(queueService, { maxPayloadBytes: 10_000 })
    services = { workflowService, queueService, logger: silent }
    rpc = createRpc(services)
    await workflowService.init()
  })

  // Whatever the next one says.
  afterAll(() => world?.drop())

  afterAll(async () => {
    await workflowService?.close()
    await queueService?.close()
    await vi.waitFor(async () => expect(await world.clients()).toBe(0))
  })

  test('unknown workflows and functions', async () => {
    await refuse('unknown-names', {
      "rpc.startWorkflow('onbording', {})": () => rpc.startWorkflow('onbording', {}),
      "rpc.startWorkflow('on-boarding', {})": () => rpc.startWorkflow('on-boarding', {}),
      "rpc.startWorkflow('somethingElse', {})": () => rpc.startWorkflow('somethingElse', {}),
      "rpc.startWorkflow('', {})": () => rpc.startWorkflow('', {}),
      "rpc.startWorkflow('toString', {})": () => rpc.startWorkflow('toString', {}),
      'rpc.startWorkflow(undefined, {})': () => rpc.startWorkflow(undefined as never, {}),
      "rpc.invoke('creatUser', {})": () => rpc.invoke('creatUser', {}),
      "rpc.invoke('createuser', {})": () => rpc.invoke('createuser', {}),
      "rpc.invoke('constructor', {})": () => rpc.invoke('constructor', {}),
    })
    expect(await world.contents()).toEqual(nothing)
  })

  test('input that does not fit its schema: zod and valibot', async () => {
    await refuse('invalid-input', {
      "rpc.startWorkflow('onboarding')": () => rpc.startWorkflow('onboarding'),
      "rpc.startWorkflow('onboarding', { email: 'nobody' })": () =>
        rpc.startWorkflow('onboarding', { email: 'nobody' }),
      "rpc.startWorkflow('onboarding', { email: 'a@b.c', address: { zip: 1 } })": () =>
        rpc.startWorkflow('onboarding', { email: 'a@b.c', address: { zip: 1 } }),
      "rpc.startWorkflow('order', { amount: 0 })": () => rpc.startWorkflow('order', { amount: 0 }),
      "rpc.startWorkflow('order', { amount: '5' })": () => rpc.startWorkflow('order', { amount: '5' }),
      "rpc.startWorkflow('order', null)": () => rpc.startWorkflow('order', null),
      "rpc.invoke('createUser', { email: 1 })": () => rpc.invoke('createUser', { email: 1 }),
      "rpc.invoke('sendEmail', { to: 'a@b.c', lines: ['x', 7] })": () =>
        rpc.invoke('sendEmail', { to: 'a@b.c', lines: ['x', 7] }),
      "rpc.invoke('wrongResult')": () => rpc.invoke('wrongResult'),
    })
    expect(await world.contents()).toEqual(nothing)
  })

  test('input that cannot be kept', async () => {
    const deep = () => {
      let value: unknown = 1
      for (let depth = 0; depth < 2_000; depth++) value = [value]
      return value
    }
    const hostile = { get secret(): string { throw new Error('no access') } } // prettier-ignore
    await refuse('unserialisable-input', {
      'a function': () => rpc.startWorkflow('echo', () => 1),
      '{ user: { save() {} } }': () => rpc.startWorkflow('echo', { user: { save: () => 1 } }),
      "{ 'a b': [1, Symbol('x')] }": () => rpc.startWorkflow('echo', { 'a b': [1, Symbol('x')] }),
      '{ user: new User() }': () => rpc.startWorkflow('echo', { user: new User() }),
      'new Map([["key", () => 1]])': () => rpc.startWorkflow('echo', new Map([['key', () => 1]])),
      'a promise': () => rpc.startWorkflow('echo', { answer: Promise.resolve(1) }),
      'new WeakMap()': () => rpc.startWorkflow('echo', new WeakMap()),
      'an object whose getter throws': () => rpc.startWorkflow('echo', hostile),
      'an object with a key that is a symbol': () => rpc.startWorkflow('echo', { [Symbol('s')]: 1 }),
      '2,000 arrays inside each other': () => rpc.startWorkflow('echo', deep()),
    })
    expect(await world.contents()).toEqual(nothing)
  })

  test('too large an input', async () => {
    await refuse('oversized-input', {
      '20,000 characters, where 10,000 bytes are accepted': () => rpc.startWorkflow('echo', 'x'.repeat(20_000)),
      '4,000 characters of three bytes each': () => rpc.startWorkflow('echo', '語'.repeat(4_000)),
      '3 MiB': () => rpc.startWorkflow('echo', { bytes: new Uint8Array(3 * 1024 * 1024) }),
    })
    expect(await world.contents()).toEqual(nothing)
  })

  test('bad options of a start', async () => {
    const start = (options: unknown) => rpc.startWorkflow('echo', 1, options as { runId: string })
    await refuse('start-options', {
      "runId: ''": () => start({ runId: '' }),
      'runId: 201 characters': () => start({ runId: 'x'.repeat(201) }),
      "runId: 'a\\u0000b'": () => start({ runId: 'a\0b' }),
      "runId: '\\ud800'": () => start({ runId: '\ud800' }),
      'runId: 7': () => start({ runId: 7 }),
      'runId: null': () => start({ runId: null }),
      "the options are 'run-7'": () => start('run-7'),
      "an unknown option: { id: 'run-7' }": () => start({ id: 'run-7' }),
    })
    expect(await world.contents()).toEqual(nothing)
  })

  test('a run id that belongs to another run', async () => {
    await rpc.startWorkflow('echo', { n: 1 }, { runId: 'order-7' })
    await refuse('run-id-conflict', {
      'the same id, another workflow': () => rpc.startWorkflow('play', { n: 1 }, { runId: 'order-7' }),
      'the same id, another input': () => rpc.startWorkflow('echo', { n: 2 }, { runId: 'order-7' }),
    })
    expect(await world.contents()).toMatchObject({ runs: 1, steps: 0, attempts: 0 })
  })

  test('a run whose step is refused fails, and leaves no step and no job', async () => {
    const workers = new world.Workers(services)
    await workers.registerQueues()
    const before = await world.contents()
    play('bad data', (workflow) => workflow.do('Notify', 'echo', () => 1))
    play('bad name', (workflow) => workflow.do('', 'echo', 1))
    for (const input of ['bad data', 'bad name']) {
      const { runId } = await rpc.startWorkflow('play', input)
      await expect(workflowService.waitForRun(runId, { timeout: '15s' })).rejects.toMatchObject({
        code: expect.stringMatching(/^(NOT_SERIALIZABLE|INVALID_NAME)$/),
      })
    }
    await workers.close()
    expect(await world.contents()).toEqual({ ...before, runs: before.runs + 2, jobs: 0 })
  })
})
