import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  createRegistry,
  createRpc,
  defineFunction,
  defineWorkflow,
  type FunctionConfig,
  type WorkflowConfig,
  type WorkflowContext,
} from '@pikku/core'
import type { WorkflowReader } from '@pikku/core/contract'
import { WorkflowService } from '@pikku/core/service'
import { memoryPorts } from '@pikku/core/testing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Effect } from '../app/src/chaos/effects.js'
import { excess } from '../chaos/calm.ts'
import type { Ending } from '../chaos/fleet.ts'
import { Ledger } from '../chaos/ledger.ts'
import type { StartedRun } from '../chaos/load.ts'
import { reportOf, type Result } from '../chaos/report.ts'
import { judge } from '../chaos/verdict.ts'

/** What chaos must find: one sound run and one sound battle, and what is wrong planted into them one at a time. */

const rpc = (step: string, attempt: number): Effect => ({ kind: 'rpc', runId: 'r', step, attempt })
const inline = (step: string): Effect => ({ kind: 'inline', runId: 'r', step, attempt: 0 })
const entered = [rpc('0:add', 1), rpc('0:flaky', 1), rpc('0:flaky', 2), inline('count')]
const without = (effect: Effect) =>
  entered.filter((each) => each.step !== effect.step || each.attempt !== effect.attempt)

const ports = memoryPorts()
const service = new WorkflowService(ports, undefined)

beforeAll(async () => {
  const add = defineFunction((_services: object, n: number) => n + 1) as FunctionConfig
  const flaky = defineFunction((services: object) => {
    const { workflowStep } = services as { workflowStep: { attemptCount: number } }
    if (workflowStep.attemptCount === 1) throw new Error('not yet')
    return 2
  }) as FunctionConfig
  const body = async (_services: object, _input: unknown, { workflow }: { workflow: WorkflowContext }) => {
    const sum = Number(await workflow.do('add', 'add', 0)) + (await workflow.do('count', () => 1))
    return sum + Number(await workflow.do('flaky', 'flaky', null, { retries: 1 }))
  }
  const workflows = [{ name: 'order', func: defineWorkflow(body) as WorkflowConfig }]
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const services = { workflowService: service, logger }
  service.bind(services, createRegistry({ functions: { add, flaky }, workflows }))
  await createRpc(services).startWorkflow('order', null, { runId: 'r' })
  expect(await service.waitForRun('r', { timeout: '30s' })).toBe(4)
})
afterAll(() => service.close())

interface Planted {
  readonly run?: Partial<StartedRun>
  readonly entries?: readonly Effect[]
  readonly reader?: Partial<WorkflowReader>
}

async function violationsOf({ run = {}, entries = entered, reader = {} }: Planted): Promise<readonly string[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pikku-ledger-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(path.join(folder, '1.jsonl'), entries.map((each) => `${JSON.stringify(each)}\n`).join(''))
  const asked = { kind: 'sequence', workflow: 'order', input: null, runId: 'r', startedAt: 0, complaint: () => null }
  const records = {
    reader: {
      getRun: (id: string) => ports.reader.getRun(id),
      listSteps: (id: string) => ports.reader.listSteps(id),
      listAttempts: (id: string) => ports.reader.listAttempts(id),
      listRuns: ports.reader.listRuns,
      ...reader,
    },
    getRun: (id: string) => service.getRun(id),
    close: () => Promise.resolve(),
  }
  return (await judge([{ ...asked, told: { output: 4 }, ...run }], records, new Ledger(folder))).violations
}

describe('the verdict on a run', () => {
  test('one that ended as it should has nothing against it', async () => {
    expect(await violationsOf({})).toEqual([])
  })

  const again: WorkflowReader['listAttempts'] = async (id) => {
    const attempts = await ports.reader.listAttempts(id)
    return [...attempts, ...attempts.filter(({ step, outcome }) => step.name === 'flaky' && outcome === 'succeeded')]
  }
  const samePlace: WorkflowReader['listSteps'] = async (id) =>
    (await ports.reader.listSteps(id)).map((step) => ({ ...step, settledSeq: 1 }))
  const open: WorkflowReader['listSteps'] = async (id) =>
    (await ports.reader.listSteps(id)).map((step) => ({
      ...step,
      status: 'running',
      settledSeq: null,
      settledAt: null,
    }))

  test.each<[string, Planted, RegExp]>([
    ['it is gone', { run: { runId: 'another' } }, /^another: is not in the store$/],
    ['it ended otherwise', { run: { complaint: () => '5 instead of 4' } }, /^r: 5 instead of 4$/],
    ['who waited was told something else', { run: { told: { output: 5 } } }, /was told .*5.*; on record is completed/],
    ['who waited was told of a failure', { run: { told: { error: { message: 'no' } } } }, /was told .*on record is/],
    [
      'who waited was told nothing',
      { run: { told: { nothingUntil: Date.now() + 3_600_000 } } },
      /was told nothing for \d+ ms/,
    ],
    [
      'an attempt was entered twice',
      { entries: [...entered, rpc('0:add', 1)] },
      /rpc 0:add attempt 1, .*entered 2 times/,
    ],
    ['a failed one too', { entries: [...entered, rpc('0:flaky', 1)] }, /rpc 0:flaky attempt 1, failed, was entered 2/],
    ['an attempt on record was never entered', { entries: without(rpc('0:add', 1)) }, /succeeded, was entered 0 times/],
    [
      'one was entered that is not on record',
      { entries: [...entered, rpc('0:flaky', 3)] },
      /entered, and is not on record/,
    ],
    [
      'so is a step',
      { entries: [...entered, rpc('1:add', 1)] },
      /rpc 1:add attempt 1 was entered, and is not on record/,
    ],
    [
      'an inline step on record was never entered',
      { entries: without(inline('count')) },
      /inline count was entered 0 times/,
    ],
    [
      'a result was recorded twice',
      { reader: { listAttempts: again } },
      /0:flaky, succeeded, has 2 attempts that succ/,
    ],
    ['two results share a place', { reader: { listSteps: samePlace } }, /each settledSeq is used once/],
    ['a step was left open', { reader: { listSteps: open } }, /step 0:add is still running/],
  ])('%s', async (_what, planted, expected) => {
    expect((await violationsOf(planted)).filter((each) => expected.test(each))).not.toEqual([])
  })
})

const ended: Ending = {
  ...{ slot: 'worker-0', pid: 7, asked: null, wasReady: true, livedMs: 1, code: 0, signal: null, log: 'a.log' },
}
const strike = (hit: boolean, kind = 'SIGKILL of a worker') => ({ kind, hit })
const noOne = { connections: 0, resources: new Map<string, never>() }

const sound: Result = {
  options: { store: 'pg', seed: 1, minutes: 1 },
  server: { title: 'a store', noDisk: null, timesFull: () => 1 },
  fleet: { endings: () => [{ ...ended, asked: 'SIGTERM' }] },
  folder: '/nowhere',
  foughtMs: 4_000,
  load: { started: new Map(), most: 1, complaints: [] },
  adversary: { strikes: [strike(true), strike(true), strike(false)], problems: [] },
  recoveries: { taken: [], finishedByVictim: 0, stuck: [] },
  quiet: { before: noOne, after: noOne, leases: 0, activeMessages: 0, oldestMs: 1, resumed: [], complaints: [] },
  ledger: { rpc: 1, inline: 1, poison: 0 },
  verdict: { violations: [], endedByKind: {}, steps: 1, attempts: 1, lost: 0, lostBeforeEntry: 0 },
  leaseMs: 1_000,
}

describe('the report on a battle', () => {
  test('one in which all was well has no violation, and says so', () => {
    const { text, violations } = reportOf(sound)
    expect(violations).toEqual([])
    expect(text).toMatch(/^no violation$/m)
  })

  test.each<[string, Partial<Result>, string]>([
    ['a run was wrong', { verdict: { ...sound.verdict, violations: ['r: is gone'] } }, 'r: is gone'],
    ['a client got no answer', { load: { ...sound.load, complaints: ['no answer'] } }, 'no answer'],
    ['nobody took over', { recoveries: { ...sound.recoveries, stuck: ['nobody took it'] } }, 'nobody took it'],
    ['something was left over', { quiet: { ...sound.quiet, complaints: ['3 leases'] } }, '3 leases'],
    ['a fault could not be undone', { adversary: { ...sound.adversary, problems: ['no'] } }, 'no'],
    ['too little was done', { foughtMs: 60_000 }, 'only 3 faults in 60000 ms'],
    [
      'half of it hit nothing',
      { adversary: { strikes: [strike(true), strike(false)], problems: [] } },
      'only 1 of 2 faults hit a run in flight',
    ],
    [
      'the disk was not full',
      {
        server: { ...sound.server, timesFull: () => 0 },
        adversary: { strikes: [strike(true), strike(true, 'full disk')], problems: [] },
      },
      'the disk was never really full',
    ],
    ['a process ended unasked', { fleet: { endings: () => [ended] } }, 'unasked, worker-0 (pid 7) ended with 0: a.log'],
    [
      'a process did not end well',
      { fleet: { endings: () => [{ ...ended, asked: 'SIGTERM', code: 1 }] } },
      'after SIGTERM worker-0 (pid 7) ended with 1: a.log',
    ],
    [
      'a process was killed by nobody',
      { fleet: { endings: () => [{ ...ended, code: null, signal: 'SIGKILL' }] } },
      '1 processes were killed by poison, which was taken 0 times',
    ],
  ])('%s', (_what, planted, expected) => {
    const { text, violations } = reportOf({ ...sound, ...planted })
    expect(violations).toEqual([expected])
    expect(text).toContain('1 VIOLATIONS\n')
    expect(text).toContain('again: node scripts/run.mjs chaos --minutes 1 --seed 1 --store pg')
  })
})

describe('what a process has open in the end', () => {
  const most = { active: { TCPSocketWrap: 3, Timeout: 9 }, files: 30, heap: 50 * 2 ** 20 }

  test('no more than before is fine', () => {
    expect(excess('worker-0', { pid: 7, ...most, active: { TCPSocketWrap: 3 } }, most)).toEqual([])
  })

  test.each<[string, object, string]>([
    ['a handle', { active: { ...most.active, TCPSocketWrap: 4 } }, '4 TCPSocketWrap open, before at most 3'],
    ['a handle of another kind', { active: { Worker: 1 } }, '1 Worker open, before at most 0'],
    ['a file', { files: 31 }, '31 files open, before at most 30'],
    ['memory', { heap: 150 * 2 ** 20 }, '100 MiB more than before'],
  ])('%s more is found', (_what, more, expected) => {
    const found = excess('worker-0', { pid: 7, ...most, ...more }, most)
    expect(found).toEqual([expect.stringContaining(expected)])
    expect(found[0]).toContain('worker-0 (pid 7)')
  })
})
