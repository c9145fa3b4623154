import { describe, expect, test } from 'vitest'
import { defineFunction, defineWorkflow, type FunctionConfig, type WorkflowWire } from '../../define/index.ts'
import { testWorkflow } from './index.ts'

interface Rpcs {
  readonly charge: { readonly input: { amount: number }; readonly output: { receipt: string } }
  readonly notify: { readonly input: string; readonly output: void }
}
interface Services {
  readonly bank: { take(amount: number): string }
}
type Wire = WorkflowWire<Rpcs, Record<never, never>>

const day = 24 * 60 * 60 * 1_000

const order = defineWorkflow<{ amount: number }, string, Services, Wire>(async ({ workflow }, { amount }) => {
  const { receipt } = await workflow.do('Charge', 'charge', { amount }, { retries: 2, retryDelay: '1h' })
  const text = await workflow.do('Write', async () => `paid: ${receipt}`)
  await workflow.sleep('Wait', '3650d')
  await workflow.do('Tell', 'notify', text)
  return text
})
const input = { amount: 3 }
const rpcs = {
  charge: ({ amount }: { amount: number }) => ({ receipt: `r${amount}` }),
  notify: () => undefined,
}

/** A workflow without an app around it. */
function body<In, Out>(func: (services: Wire, input: In) => Out | Promise<Out>) {
  return defineWorkflow<In, Out, Services, Wire>(func)
}

describe('testWorkflow', () => {
  test('runs a workflow on mocks, in virtual time', async () => {
    const before = performance.now()
    const run = await testWorkflow(order, { input, rpcs })
    expect(performance.now() - before).toBeLessThan(10_000)
    expect(run).toMatchObject({ status: 'completed', output: 'paid: r3', error: undefined })
    expect(run.calls.charge).toEqual([
      { data: { amount: 3 }, step: 'Charge', attempt: 1, afterMs: 0, result: { receipt: 'r3' }, error: undefined },
    ])
    expect(run.calls.notify.map(({ afterMs }) => afterMs)).toEqual([3650 * day])
    expect(run.history.map(({ stepName, status }) => `${stepName} ${status}`)).toEqual([
      'Charge succeeded',
      'Write succeeded',
      'Tell succeeded',
    ])
    expect(run.timeline).toEqual([
      { afterMs: 0, event: 'started' },
      { afterMs: 0, event: 'step entered', step: 'Charge', attempt: 1 },
      { afterMs: 0, event: 'step succeeded', step: 'Charge', attempt: 1 },
      { afterMs: 0, event: 'step entered', step: 'Write', attempt: 1 },
      { afterMs: 0, event: 'step succeeded', step: 'Write', attempt: 1 },
      { afterMs: 0, event: 'sleep began', step: 'Wait' },
      { afterMs: 3650 * day, event: 'sleep ended', step: 'Wait' },
      { afterMs: 3650 * day, event: 'step entered', step: 'Tell', attempt: 1 },
      { afterMs: 3650 * day, event: 'step succeeded', step: 'Tell', attempt: 1 },
      { afterMs: 3650 * day, event: 'completed' },
    ])
  })

  test('attempts that fail, and their delays', async () => {
    const run = await testWorkflow(order, {
      input,
      rpcs,
      failures: [
        { step: 'Charge', attempt: 1 },
        { step: 'Charge', attempt: 2, error: new Error('busy') },
      ],
    })
    expect(run.output).toBe('paid: r3')
    expect(run.history.slice(0, 3).map(({ attemptCount, error }) => [attemptCount, error?.message])).toEqual([
      [1, "attempt 1 of step 'Charge' was to fail"],
      [2, 'busy'],
      [3, undefined],
    ])
    expect(run.calls.charge.map(({ attempt, afterMs, error }) => [attempt, afterMs, error === undefined])).toEqual([
      [1, 0, false],
      [2, day / 24, false],
      [3, day / 12, true],
    ])
  })

  test('a run that fails, one that cancels itself', async () => {
    const failures = [1, 2, 3].map((attempt) => ({ step: 'Charge', attempt, error: new Error(`no ${attempt}`) }))
    const failed = await testWorkflow(order, { input, rpcs, failures })
    expect([failed.status, failed.output, failed.error?.message]).toEqual(['failed', undefined, 'no 3'])
    const cancels = body<string, string>(async ({ workflow }, reason) => workflow.cancel(reason))
    const cancelled = await testWorkflow(cancels, { input: 'enough' })
    expect([cancelled.status, cancelled.error?.message]).toEqual(['cancelled', 'enough'])
  })

  test('a process that dies in a step: an RPC step loses the attempt, an inline step is entered again', async () => {
    const run = await testWorkflow(order, { input, rpcs, crashes: [{ step: 'Charge' }, { step: 'Write' }] })
    expect(run.output).toBe('paid: r3')
    expect(run.calls.charge.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(run.history.map(({ stepName, attemptCount, error }) => [stepName, attemptCount, error?.code])).toEqual([
      ['Charge', 1, 'ATTEMPT_LOST'],
      ['Charge', 2, undefined],
      ['Write', 1, undefined],
      ['Tell', 1, undefined],
    ])
    const entered = run.timeline.filter(({ event, step }) => event === 'step entered' && step === 'Write')
    expect(entered.map(({ attempt }) => attempt)).toEqual([1, 1])
    expect(run.timeline.filter(({ event }) => event === 'process died')).toHaveLength(2)
  })

  test('a mock that takes long loses a race against a sleep; one that is quicker wins it', async () => {
    const race = body<undefined, string>(({ workflow }) =>
      Promise.race([
        workflow.do('Charge', 'charge', { amount: 1 }).then(({ receipt }) => receipt),
        workflow.sleep('Limit', '1h').then(() => 'too late'),
      ]),
    )
    const within = async (duration: string) => {
      const { output, timeline } = await testWorkflow(race, {
        input: undefined,
        rpcs: {
          charge: async (_data, { sleep }) => {
            await sleep(duration)
            return { receipt: 'in time' }
          },
        },
      })
      return [output, timeline.at(-1)?.afterMs]
    }
    expect(await within('30min')).toEqual(['in time', day / 24])
    expect(await within('2h')).toEqual(['too late', day / 12])
  })

  test('a function that never answers does not hold up virtual time', async () => {
    const race = body<undefined, string>(({ workflow }) =>
      Promise.race([
        workflow.do('Charge', 'charge', { amount: 1 }).then(({ receipt }) => receipt),
        workflow.sleep('Limit', '1h').then(async () => workflow.cancel('too late')),
      ]),
    )
    const { status } = await testWorkflow(race, { input: undefined, rpcs: { charge: () => new Promise(() => {}) } })
    expect(status).toBe('cancelled')
  })

  test('what a body and a step await outside takes real time', async () => {
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    const waits = body<undefined, Date>(async ({ workflow }) => {
      await pause(30)
      await workflow.do('Slow', async () => pause(30))
      await workflow.sleep('Nap', '1d')
      await pause(30)
      await workflow.do('Slow', async () => pause(30))
      return workflow.now()
    })
    const startAt = new Date('2026-01-01T00:00:00Z')
    const crashes = [{ step: 'Slow', ordinal: 1 }]
    const { output } = await testWorkflow(waits, { input: undefined, startAt, crashes })
    // What the others take to miss the dead.
    expect(output).toEqual(new Date('2026-01-02T00:00:00.750Z'))
  })

  test("functions of the app's own, called with the services of the test", async () => {
    const charge = defineFunction<{ amount: number }, { receipt: string }, Services, object>({
      func: async ({ bank }, { amount }) => ({ receipt: bank.take(amount) }),
      retries: 1,
    }) as FunctionConfig
    const taken: number[] = []
    const bank = {
      take: (amount: number) => {
        taken.push(amount)
        if (taken.length === 1) throw new Error('the bank is closed')
        return 'from the bank'
      },
    }
    const charges = body<number, string>(
      async ({ workflow }, amount) => (await workflow.do('Charge', 'charge', { amount })).receipt,
    )
    const run = await testWorkflow(charges, { input: 5, rpcs: { charge }, services: { bank } })
    expect([run.output, taken]).toEqual(['from the bank', [5, 5]])
  })

  test('a function without a mock is an error that names it', async () => {
    await expect(
      testWorkflow(order, { input, rpcs: { charge: rpcs.charge } }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[WorkflowError: testWorkflow: step 'Tell' called function 'notify', which has no mock: give rpcs: { notify: … }, or services for the app's own function]`,
    )
  })

  test('mocks, services and results have the types of the app', async () => {
    const { output, calls } = await testWorkflow(order, { input, rpcs })
    const shown: [string | undefined, { amount: number } | undefined] = [output, calls.charge[0]?.data]
    expect(shown).toEqual(['paid: r3', input])
    const wrong = [
      // @ts-expect-error the workflow takes { amount: number }
      () => testWorkflow(order, { input: 3 }),
      // @ts-expect-error the function gives { receipt: string }
      () => testWorkflow(order, { input, rpcs: { charge: () => 3 } }),
      // @ts-expect-error the app has no such function
      () => testWorkflow(order, { input, rpcs: { charges: () => ({ receipt: '' }) } }),
      // @ts-expect-error the app has no such service
      () => testWorkflow(order, { input, services: { banks: {} } }),
    ]
    expect(wrong).toHaveLength(4)
  })

  test('bad options, a bad input, and a run that nothing brings on are errors', async () => {
    await expect(testWorkflow(order, { input, mocks: {} } as never)).rejects.toThrow("unknown option 'mocks'")
    await expect(testWorkflow(order, { input: { amount: () => 1 } as never })).rejects.toMatchObject({
      code: 'NOT_SERIALIZABLE',
    })
    const stuck = body<undefined, void>(() => new Promise(() => {}))
    await expect(testWorkflow(stuck, { input: undefined })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[WorkflowError: testWorkflow: nothing brings the run on any more: the body awaits something that is not a step (a mock that takes long sleeps by its second argument)]`,
    )
  })

  test('leaves nothing behind', async () => {
    const before = process.listenerCount('unhandledRejection')
    await testWorkflow(order, { input, rpcs, crashes: [{ step: 'Charge' }] })
    expect(process.listenerCount('unhandledRejection')).toBe(before)
  })
})
