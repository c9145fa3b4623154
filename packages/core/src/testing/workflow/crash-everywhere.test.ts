import { describe, expect, test } from 'vitest'
import { defineWorkflow, type WorkflowWire } from '../../define/index.ts'
import { crashEverywhere, type MockCall } from './index.ts'

interface Rpcs {
  readonly charge: { readonly input: number; readonly output: string }
  readonly notify: { readonly input: string; readonly output: void }
}
type Wire = WorkflowWire<Rpcs, Record<never, never>>

const order = defineWorkflow<number, string, object, Wire>(async ({ workflow }, amount) => {
  const receipt = await workflow.do('Charge', 'charge', amount)
  await workflow.sleep('Wait', '1w')
  await workflow.do('Tell', 'notify', receipt)
  return receipt
})

describe('crashEverywhere', () => {
  test('tells steps that take their key from those that do not', async () => {
    const report = await crashEverywhere(order, {
      input: 3,
      rpcs: {
        charge: (amount, { workflowStep }) => `${amount} ${workflowStep?.invocationId}`,
        notify: () => undefined,
      },
    })
    expect(report).toMatchObject({ status: 'completed', output: expect.stringMatching(/^3 [0-9a-f-]{36}$/) })
    expect(report.writes).toMatchInlineSnapshot(`
      [
        "the start",
        "a claim of the run",
        "the turn that asks for 'Charge'",
        "the claim of 'Charge'",
        "the record that 'Charge' succeeded",
        "a claim of the run",
        "the turn that asks for 'Wait'",
        "a claim of the run",
        "the turn that asks for 'Tell'",
        "the claim of 'Tell'",
        "the record that 'Tell' succeeded",
        "a claim of the run",
        "the turn that completes the run",
      ]
    `)
    expect(report.runs).toBe(1 + 3 * report.writes.length)
    expect(report.doubled).toMatchInlineSnapshot(`
      [
        {
          "kind": "rpc",
          "ordinal": 0,
          "rpcName": "notify",
          "step": "Tell",
          "when": [
            "dies before the record that 'Tell' succeeded",
          ],
        },
      ]
    `)
    expect(report.safe.map(({ step }) => step)).toEqual(['Charge'])
  })

  test('inline steps, fan-outs, retries and races end the same, wherever the process dies', async () => {
    const wide = defineWorkflow<number, unknown, object, Wire>(async ({ workflow }, amount) => {
      const both = await Promise.all([
        workflow.do('Charge', 'charge', amount, { retries: 1, retryDelay: '1min' }),
        workflow.do('Look up', async () => amount * 2),
        workflow.do('Charge', 'charge', 1),
      ])
      const first = await Promise.race([workflow.sleep('Limit', '1h'), workflow.do('Tell', 'notify', 'all')])
      return [both, first ?? 'nothing']
    })
    const report = await crashEverywhere(wide, {
      input: 5,
      rpcs: {
        charge: async (amount, { sleep }) => {
          await sleep('2s')
          return `${amount}`
        },
        notify: (_text, { workflowStep }) => void workflowStep?.invocationId,
      },
      failures: [{ step: 'Charge', ordinal: 0 }],
    })
    expect(report.output).toEqual([['5', 10, '1'], 'nothing'])
    const shown = report.doubled.map(({ step, ordinal, kind }) => `${step} ${ordinal} ${kind}`).sort()
    expect(shown).toEqual(['Charge 0 rpc', 'Charge 1 rpc', 'Look up 0 inline'])
    expect(report.safe.map(({ step }) => step)).toEqual(['Tell'])
  })

  test('a run that ends otherwise after a death fails, and the write is named', async () => {
    let numbers = 0
    const rpcs = { charge: () => `receipt ${++numbers}`, notify: () => undefined }
    await expect(crashEverywhere(order, { input: 3, rpcs })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [AssertionError: crashEverywhere: at write 1 of 13: the process dies before the start; the run then ended as completed, but not as it does undisturbed
      + actual - expected

        {
          error: undefined,
      +   output: 'receipt 2',
      -   output: 'receipt 1',
          status: 'completed'
        }
      ]
    `)
  })

  test('options may be made anew for each run', async () => {
    const fresh = () => {
      const seen = new Map<string, string>()
      const charge = (amount: number, key = '') =>
        seen.get(key) ?? seen.set(key, `${seen.size + amount}`).get(key) ?? ''
      return {
        input: 3,
        rpcs: {
          charge: (amount: number, { workflowStep }: MockCall) => charge(amount, workflowStep?.invocationId),
          notify: () => undefined,
        },
      }
    }
    const { output } = await crashEverywhere(order, fresh)
    expect(output).toBe('3')
  })
})
