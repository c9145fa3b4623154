import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PayloadCodec } from '../../contract/index.ts'
import { NotSerializableError, WorkflowError } from '../../contract/index.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'

const cyclic: Record<string, unknown> = { name: 'loop' }
cyclic['self'] = cyclic
const shared = { n: 1 }

/** Everything behaviour §3 promises to keep. */
const values: readonly unknown[] = [
  0,
  -0,
  false,
  true,
  '',
  null,
  undefined,
  [],
  [true, new Date(5)],
  {},
  { a: undefined, b: [null, undefined] },
  NaN,
  Infinity,
  -Infinity,
  12345678901234567890n,
  new Date('2020-02-29T12:00:00.123Z'),
  /a+b/giu,
  new URL('https://example.org/a?b=c#d'),
  new Map<unknown, unknown>([
    [{ k: 1 }, new Set([1, 'two', 3n])],
    ['x', null],
  ]),
  new Uint8Array([0, 255, 128]),
  new Float64Array([1.5, -0, NaN]),
  'nul \0 inside',
  'lone \ud800 surrogate',
  '👩‍🚀',
  { 'a.b': { "c'd": ['"'] } },
  [shared, shared],
  cyclic,
  Array.from({ length: 3_000 }, (_, i) => ({ i, text: `row ${i}` })),
]

const app: TestApp = {
  functions: { echo: (_services, data: unknown) => data, nothing: () => undefined },
  workflows: {
    echoes: async ({ workflow }, input: unknown) => {
      const rpc = await workflow.do('rpc', 'echo', input)
      const inline = await workflow.do('inline', () => input)
      return { input, rpc, inline }
    },
    gives: async (_services, input: unknown) => input,
    voids: async ({ workflow }) => [
      await workflow.do('void', 'nothing'),
      await workflow.do('void here', () => undefined),
    ],
    aliases: async ({ workflow }) => {
      const original = { list: [1] }
      const got = await workflow.do('inline', () => original)
      original.list.push(2)
      return { same: got === original, list: got.list }
    },
    types: async ({ workflow }) => {
      const seen: boolean[] = []
      for (let i = 0; i < 3; i += 1) {
        const given = await workflow.do<{ at: Date; map: Map<string, number> }>('typed', () => ({
          at: new Date(i),
          map: new Map([['a', i]]),
        }))
        seen.push(given.at instanceof Date && given.map instanceof Map)
        await workflow.sleep('so that it is replayed', 5)
      }
      return seen
    },
  },
}

const rot13 = (text: string): string => Buffer.from(text, 'utf8').toString('base64').split('').reverse().join('')
const unrot13 = (text: string): string => Buffer.from(text.split('').reverse().join(''), 'base64').toString('utf8')

const asyncCodec: PayloadCodec = {
  encode: async (text) => {
    await sleep(1)
    return rot13(text)
  },
  // What came first may take longer: that changes no order.
  decode: async (payload) => {
    await sleep((payload.length * 5) % 9)
    return unrot13(payload)
  },
}

class Account {
  save(): void {}
}

export const valueScenarios: ScenarioGroup = {
  name: 'values',
  scenarios: {
    'F27–F31: inputs, step data, results and outputs keep value and type': async (world) => {
      const worker = await world.process(app)
      await Promise.all(
        values.map(async (value) => {
          const runId = await worker.begin('echoes', value)
          assert.deepStrictEqual(await worker.end(runId), {
            kind: 'completed',
            output: { input: value, rpc: value, inline: value },
          })
          assert.deepStrictEqual((await worker.service.getRun(runId))?.input, value)
          const results = (await worker.history(runId)).map(({ result }) => result)
          assert.deepStrictEqual(results, [value, value])
        }),
      )
    },
    'F29: falsy outputs are kept, undefined included': async (world) => {
      const worker = await world.process(app)
      for (const value of [0, -0, false, '', null, undefined, NaN]) {
        const runId = await worker.begin('gives', value)
        assert.deepStrictEqual(await worker.end(runId), { kind: 'completed', output: value })
        assert.ok(Object.is((await worker.service.getRun(runId))?.output, value))
      }
      assert.deepStrictEqual(await worker.output('voids'), [undefined, undefined])
    },
    'F22, A35: what a body is given live has been through the encoder, as in a replay': async (world) => {
      const worker = await world.process(app)
      assert.deepEqual(await worker.output('aliases'), { same: false, list: [1] })
      assert.deepEqual(await worker.output('types'), [true, true, true])
    },
    'what cannot be kept is an error at its step, with the path': async (world) => {
      const worker = await world.process({
        functions: {
          ...app.functions,
          account: () => ({ user: new Account() }),
          method: () => ({ user: { save: () => 1 } }),
        },
        functionOptions: { method: { retries: 3 } },
        workflows: {
          result: async ({ workflow }) => workflow.do('a', 'method'),
          instance: async ({ workflow }) => workflow.do('a', 'account'),
          inline: async ({ workflow }) => workflow.do('a', () => ({ deep: [Symbol('x')] })),
          data: async ({ workflow }) => workflow.do('a', 'echo', { send: () => 1 }),
          output: async () => ({ user: { save: () => 1 } }),
          survives: async ({ workflow }) =>
            workflow.do('a', 'method').catch((error: unknown) => NotSerializableError.is(error)),
        },
      })
      for (const [name, path] of [
        ['result', /user\.save/],
        ['instance', /user/],
        ['inline', /deep/],
        ['data', /send/],
        ['output', /user\.save/],
      ] as const) {
        const runId = await worker.begin(name)
        const ended = await worker.end(runId)
        assert.equal(ended.kind, 'failed', name)
        assert.ok(ended.kind === 'failed' && ended.error.code === 'NOT_SERIALIZABLE', name)
        assert.match(ended.kind === 'failed' ? ended.error.message : '', path)
        assert.ok((await worker.history(runId)).length <= 1, `${name} is not retried`)
      }
      assert.equal(await worker.output('survives'), true)
    },
    'A37: a payload over the limit is an error of its step or of the run': async (world) => {
      const big = 'x'.repeat(30_000)
      const worker = await world.process(
        {
          functions: { ...app.functions, big: () => big },
          workflows: {
            data: async ({ workflow }) => workflow.do('a', 'echo', big),
            result: async ({ workflow }) => workflow.do('a', 'big', null, { retries: 3 }),
            inline: async ({ workflow }) => workflow.do('a', () => big, { retries: 3 }),
            output: async () => big,
            error: async () => Promise.reject(Object.assign(new Error('much'), { big })),
            survives: async ({ workflow }) =>
              workflow.do('a', 'big').catch((error: unknown) => WorkflowError.is(error, 'PAYLOAD_TOO_LARGE')),
          },
        },
        { maxPayloadBytes: 20_000 },
      )
      for (const name of ['data', 'result', 'inline', 'output']) {
        const runId = await worker.begin(name)
        const ended = await worker.end(runId)
        assert.equal(ended.kind === 'failed' && ended.error.code, 'PAYLOAD_TOO_LARGE', name)
        assert.ok((await worker.history(runId)).length <= 1, `${name} is not retried`)
      }
      assert.equal((await worker.failure('error')).message, 'much')
      assert.equal(await worker.output('survives'), true)
    },
    'A34: an asynchronous codec sees every payload, and nothing is kept in the clear': async (world) => {
      const worker = await world.process(
        {
          functions: { ...app.functions, fails: () => Promise.reject(new Error('secret error')) },
          workflows: {
            secret: async ({ workflow }, input: { word: string }) => {
              const parts = await Promise.all([
                workflow.do('rpc', 'echo', input.word),
                workflow.do('inline', () => input.word),
                workflow.sleep('nap', 10),
                workflow.do('bad', 'fails').catch((error: Error) => error.message),
              ])
              await Promise.all([1, 2, 3, 4, 5].map((n) => workflow.do('more', 'echo', 'x'.repeat(n * n))))
              return parts
            },
          },
        },
        { codec: asyncCodec },
      )
      const runId = await worker.begin('secret', { word: 'secret word' })
      assert.deepEqual(await worker.end(runId), {
        kind: 'completed',
        output: ['secret word', 'secret word', undefined, 'secret error'],
      })
      assert.deepEqual((await worker.service.getRun(runId))?.input, { word: 'secret word' })
      assert.equal((await worker.history(runId)).length, 8)
      const { reader } = worker.ports
      const kept = JSON.stringify([
        await reader.getRun(runId),
        await reader.listSteps(runId),
        await reader.listAttempts(runId),
      ])
      assert.ok(!kept.includes('secret word') && !kept.includes('secret error'))
    },
    'A37: a codec that fails for a while is nobody’s failure': async (world) => {
      world.troubled = true
      let away = true
      const codec: PayloadCodec = {
        encode: (text) => rot13(text),
        decode: (payload) => {
          if (away) throw new Error('the key server is away')
          return unrot13(payload)
        },
      }
      const worker = await world.process(app, { codec })
      const runId = await worker.begin('gives', 'kept')
      while (worker.seen('trouble').length === 0) await sleep(5)
      assert.equal(await worker.status(runId), 'running')
      assert.equal((await worker.ports.reader.getRun(runId))?.crashes, 0)
      away = false
      assert.deepEqual(await worker.end(runId), { kind: 'completed', output: 'kept' })
      assert.equal((await worker.ports.reader.getRun(runId))?.crashes, 0)
    },
  },
}
