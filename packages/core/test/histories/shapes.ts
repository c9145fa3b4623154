import { NonRetryableError, RetryableError } from '../../src/index.ts'
import type { Shape } from './shape.ts'

const add = { add: (n: number) => n + 1 }
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const words = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error))

/** A shape may be added. One that is recorded stays as it is. */
export const shapes: Readonly<Record<string, Shape>> = {
  nothing: { body: async (_workflow, input: string) => `${input}!`, input: 'no steps' },

  sequence: {
    functions: add,
    input: 1,
    body: async (workflow, n: number) => {
      const two = await workflow.do<number>('first', 'add', n)
      const three = await workflow.do<number>('second', 'add', two)
      return workflow.do('third', 'add', three)
    },
  },

  inline: {
    input: { n: 2 },
    body: async (workflow, { n }: { n: number }) => {
      const square = await workflow.do('square', () => n * n)
      return workflow.do('text', async () => `it is ${square}`)
    },
  },

  mixed: {
    functions: add,
    input: 3,
    body: async (workflow, n: number) => {
      const here = await workflow.do('here', () => n)
      const there = await workflow.do<number>('there', 'add', here)
      await workflow.sleep('nap', '1h')
      return workflow.do('again', () => there * 2)
    },
  },

  'fan-out': {
    functions: { wait: async (ms: number, { sleep }) => sleep(ms).then(() => ms) },
    body: async (workflow) => {
      const all = await Promise.all([30, 10, 20].map((ms) => workflow.do<number>(`wait ${ms}`, 'wait', ms)))
      return workflow.do('sum', () => all.reduce((sum, ms) => sum + ms, 0))
    },
  },

  race: {
    functions: { wait: async (ms: number, { sleep }) => sleep(ms).then(() => ms) },
    body: async (workflow) => {
      const first = await Promise.race([
        workflow.do<number>('slow', 'wait', 500),
        workflow.do<number>('quick', 'wait', 20),
        workflow.sleep('limit', '100ms').then(() => 'limit'),
      ])
      await workflow.do('after', () => first)
      return first
    },
  },

  'race lost to a sleep': {
    functions: { wait: async (ms: number, { sleep }) => sleep(ms).then(() => ms) },
    body: async (workflow) =>
      Promise.race([
        workflow.do<number>('slow', 'wait', 5_000),
        workflow.sleep('limit', '1s').then(() => workflow.do('late', () => 'too late')),
      ]),
  },

  any: {
    functions: {
      fails: async (ms: number, { sleep }) => sleep(ms).then(() => Promise.reject(new Error(`no ${ms}`))),
      wait: async (ms: number, { sleep }) => sleep(ms).then(() => ms),
    },
    body: async (workflow) => {
      const one = await Promise.any([workflow.do('a', 'fails', 10), workflow.do('b', 'wait', 20)])
      const none = await Promise.any([workflow.do('c', 'fails', 1), workflow.do('d', 'fails', 2)]).catch(
        (error: AggregateError) => error.errors.map(words),
      )
      return { one, none }
    },
  },

  'all settled': {
    functions: { fails: () => Promise.reject(new TypeError('not so')), ...add },
    body: async (workflow) => {
      const settled = await Promise.allSettled([
        workflow.do('bad', 'fails'),
        workflow.do('good', 'add', 1),
        workflow.do('here', () => Promise.reject(new RangeError('too far'))),
      ])
      return settled.map((one) => (one.status === 'fulfilled' ? one.value : words(one.reason)))
    },
  },

  'retry that recovers': {
    functions: add,
    failures: [
      { step: 'flaky', attempt: 1 },
      { step: 'flaky', attempt: 2, error: new RetryableError('later', { retryAfter: '10min' }) },
      { step: 'here', attempt: 1 },
    ],
    body: async (workflow) => {
      const two = await workflow.do<number>('flaky', 'add', 1, { retries: 3, retryDelay: '5s' })
      return workflow.do('here', () => two * 10, { retries: 1, retryDelay: '1min' })
    },
  },

  'retry that is exhausted': {
    functions: add,
    failures: [1, 2, 3].map((attempt) => ({ step: 'flaky', attempt, error: new Error(`no ${attempt}`) })),
    body: async (workflow) => workflow.do('flaky', 'add', 1, { retries: 2, retryDelay: '1s' }),
  },

  'no retry wanted': {
    functions: add,
    failures: [{ step: 'declined', error: new NonRetryableError('the card is stolen') }],
    body: async (workflow) => workflow.do('declined', 'add', 1, { retries: 5 }).catch(words),
  },

  'lost attempts': {
    functions: add,
    crashes: [{ step: 'there' }, { step: 'here' }],
    body: async (workflow) => {
      const two = await workflow.do<number>('there', 'add', 1)
      return workflow.do('here', () => two + 1)
    },
  },

  sleep: {
    body: async (workflow) => {
      const before = workflow.now()
      await workflow.sleep('ten years', '3652d')
      await workflow.sleep('no time', 0)
      return [before, workflow.now()]
    },
  },

  'sleep until': {
    body: async (workflow) => {
      await workflow.sleepUntil('a date', new Date('2031-07-01T12:00:00Z'))
      await workflow.sleepUntil('one that has passed', new Date('2020-01-01T00:00:00Z'))
      return workflow.now()
    },
  },

  cancel: {
    functions: add,
    body: async (workflow) => {
      try {
        await workflow.do('first', 'add', 1)
        await workflow.cancel('not wanted any more')
      } finally {
        await workflow.do('never', 'add', 2)
      }
    },
  },

  failed: {
    functions: add,
    body: async (workflow) => {
      await workflow.do('first', 'add', 1)
      throw Object.assign(new TypeError('this is no order', { cause: new Error('the cause') }), { code: 'E_ORDER' })
    },
  },

  compensation: {
    functions: { ...add, fails: () => Promise.reject(new Error('no seats')) },
    body: async (workflow) => {
      const done: string[] = []
      try {
        await workflow.do('book hotel', 'add', 1)
        done.push('hotel')
        await workflow.do('book flight', 'fails')
      } catch (error) {
        for (const one of done) await workflow.do(`cancel ${one}`, 'add', 2)
        return words(error)
      }
    },
  },

  'repeated names': {
    functions: add,
    body: async (workflow) => {
      let n = 0
      for (let i = 0; i < 5; i += 1) {
        n = await workflow.do<number>('same', 'add', n)
        await workflow.sleep('same nap', i)
      }
      return n
    },
  },

  'repeated names at once': {
    functions: { wait: async (ms: number, { sleep }) => sleep(ms).then(() => ms) },
    body: async (workflow) => Promise.all([30, 10, 20].map((ms) => workflow.do<number>('same', 'wait', ms))),
  },

  'un-awaited': {
    functions: { ...add, fails: () => Promise.reject(new Error('nobody looks')) },
    body: async (workflow) => {
      void workflow.do('thrown away', 'add', 1)
      void workflow.do('failing', 'fails').catch(() => undefined)
      void workflow.sleep('nap', '1d')
      return workflow.do('awaited', () => 'returned first')
    },
  },

  'non-durable awaits': {
    functions: add,
    body: async (workflow) => {
      await pause(2)
      const two = await workflow.do<number>('first', 'add', 1)
      await pause(3)
      const three = await workflow.do('second', () => two + 1)
      await pause(1)
      await workflow.sleep('nap', '1min')
      await pause(2)
      return workflow.do('third', 'add', three)
    },
  },

  'lanes with non-durable awaits': {
    functions: { wait: async (ms: number, { sleep }) => sleep(ms).then(() => ms) },
    body: async (workflow) => {
      const lane = async (name: string, ms: number): Promise<number> => {
        await pause(ms)
        const a = await workflow.do<number>(`${name} a`, 'wait', ms)
        await pause(4 - ms)
        return workflow.do(`${name} b`, () => a * 2)
      }
      return Promise.all([lane('x', 3), lane('y', 1), lane('z', 2)])
    },
  },

  'now, random and uuid': {
    functions: add,
    body: async (workflow) => {
      const before = [workflow.now(), workflow.random(), workflow.uuid()]
      await workflow.sleep('nap', '90min')
      const data = { at: workflow.now(), id: workflow.uuid(), chance: workflow.random() }
      await workflow.do('with them as data', 'add', data)
      return [...before, data]
    },
  },

  'error values': {
    functions: {
      fails: (kind: string) => {
        if (kind === 'text') throw 'just text'
        if (kind === 'fields') throw Object.assign(new Error('with fields'), { status: 409, at: new Date(0) })
        throw new SyntaxError('with a cause', { cause: Object.assign(new Error('inner'), { code: 'E_IN' }) })
      },
    },
    body: async (workflow) => {
      const seen: unknown[] = []
      for (const kind of ['text', 'fields', 'cause']) {
        await workflow
          .do(kind, 'fails', kind)
          .catch((error: Error & { status?: number; at?: Date; thrown?: unknown }) => {
            const { status, at, thrown, cause } = error
            seen.push([words(error), error instanceof SyntaxError, status, at, thrown, cause && words(cause)])
          })
      }
      return seen
    },
  },

  'rich values': {
    functions: { echo: (value: unknown) => value },
    body: async (workflow) => {
      const cyclic: { self?: unknown; list: unknown[] } = { list: [1] }
      cyclic.self = cyclic
      const shared = { n: 1 }
      const values = {
        plain: [0, -0, '', false, null, undefined, [], {}],
        numbers: [NaN, Infinity, -Infinity, 2 ** 53, 12345678901234567890n],
        objects: [new Date('2026-01-02T03:04:05.678Z'), /a+b/gi, new URL('https://example.com/a?b=c#d')],
        collections: [new Map<unknown, unknown>([[{ k: 1 }, new Set([1, 'a'])]]), new Uint8Array([0, 127, 255])],
        text: ['a\u0000b', '\ud800 alone', '😀', '__proto__', '</script>'],
        shared: [shared, shared],
        cyclic,
      }
      const back = await workflow.do<typeof values>('echo', 'echo', values)
      const here = await workflow.do('here', () => back)
      return { back, here, same: back.shared[0] === back.shared[1], cycle: back.cyclic.self === back.cyclic }
    },
  },

  'odd names': {
    functions: add,
    body: async (workflow) => {
      const names = ['a:b', '0:a', '#1', "it's", '"quoted"', 'zwei\nZeilen', '名前', '__proto__', 'x'.repeat(512)]
      const got: unknown[] = []
      for (const name of names) got.push(await workflow.do(name, 'add', got.length))
      return got
    },
  },

  'wide and deep': {
    functions: add,
    body: async (workflow) => {
      const branch = async (name: string, depth: number): Promise<number> => {
        const n = await workflow.do<number>(`${name} at ${depth}`, 'add', depth)
        if (depth === 0) return n
        const below = await Promise.all([branch(`${name}l`, depth - 1), branch(`${name}r`, depth - 1)])
        return workflow.do(`${name} sum`, () => below.reduce((sum, one) => sum + one, n))
      }
      return branch('t', 3)
    },
  },

  'a thousand steps': {
    functions: add,
    body: async (workflow) => {
      let n = 0
      for (let i = 0; i < 50; i += 1) {
        const ten = Array.from({ length: 10 }, (_, at) => workflow.do<number>('many', 'add', at))
        n += (await Promise.all(ten)).reduce((sum, one) => sum + one, 0)
        for (let at = 0; at < 10; at += 1) n = await workflow.do('one', () => n + 1)
      }
      return n
    },
  },

  'suspended by a divergence': {
    functions: add,
    crashes: [{ step: 'second' }],
    // Its code changes as its process dies: a body that decides by what it must not.
    body: (() => {
      let visits = 0
      return async (workflow) => {
        visits += 1
        const first = visits === 1 ? 'first' : 'renamed'
        await workflow.do(first, 'add', 1)
        return workflow.do('second', 'add', 2)
      }
    })(),
    later: async (workflow) => {
      await workflow.do('renamed', 'add', 1)
      return workflow.do('second', 'add', 2)
    },
  },
}
