import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openForTemplate, purePairs } from '../harness/pairs.ts'
import { TestProcess } from '../harness/processes.ts'

const cwd = path.resolve(import.meta.dirname, '../../templates/workflows')

interface Run {
  readonly id: string
  readonly status: string
  readonly output: unknown
  readonly error?: { readonly message: string; readonly code?: string }
}

interface Attempt {
  readonly stepName: string
  readonly status: string
  readonly attemptCount: number
  readonly error?: { readonly message: string }
  readonly worker: string
}

let server: TestProcess
let worker: TestProcess
let url: string

async function call<T>(route: string, body?: unknown, headers: Record<string, string> = {}) {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body), headers }
  const response = await fetch(`${url}${route}`, init)
  return { status: response.status, body: (await response.json()) as T }
}

async function start(workflow: string, input: unknown): Promise<string> {
  const { status, body } = await call<{ runId: string }>(`/workflows/${workflow}/runs`, input)
  expect(status).toBe(201)
  return body.runId
}

async function ended(runId: string): Promise<{ run: Run; history: Attempt[] }> {
  const { body: run } = await call<Run>(`/runs/${runId}/wait?timeout=60s`)
  const { body: history } = await call<Attempt[]>(`/runs/${runId}/history`)
  return { run, history }
}

describe.each(purePairs)('$name', (pair) => {
  let opened: Awaited<ReturnType<typeof openForTemplate>>

  beforeAll(async () => {
    opened = await openForTemplate(pair)
    const env = { ...opened.env, PORT: '0' }
    server = new TestProcess('src/server.ts', { cwd, env })
    worker = new TestProcess('src/worker.ts', { cwd, env })
    const [listening] = await Promise.all([
      server.printed(/listening on (http\S+)/),
      worker.printed(/^worker \d+ is ready$/m),
    ])
    url = listening[1] ?? ''
  })
  afterAll(async () => {
    await Promise.all([server.stop(), worker.stop()])
    await opened.close()
  })

  describe('the workflows of the template, over HTTP', () => {
    test('T1: onboarding', async () => {
      const startedAt = performance.now()
      const { run, history } = await ended(await start('onboarding', { email: 'Ada@example.com' }))
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(5_000)
      expect(run.status).toBe('completed')
      expect(run.output).toEqual({ userId: expect.stringMatching(/^[0-9a-f-]{36}$/), email: 'Ada@example.com' })
      expect(history.map(({ stepName, status }) => [stepName, status])).toEqual([
        ['Create user', 'succeeded'],
        ['Pick address', 'succeeded'],
        ['Send welcome mail', 'succeeded'],
      ])
      expect(history.every((attempt) => attempt.worker.includes(`:${worker.pid}:`))).toBe(true)
    })

    test('T2: a step that fails and recovers has two entries', async () => {
      const { run, history } = await ended(await start('charge', { amount: 12 }))
      expect(run.output).toEqual({ result: '12 charged', finalAttempt: 2, message: 'it took 2 attempts' })
      expect(history.map(({ attemptCount, status }) => [attemptCount, status])).toEqual([
        [1, 'failed'],
        [2, 'succeeded'],
      ])
      expect(history[0]?.error?.message).toBe('the payment gateway timed out')
    })

    test('T3: a step whose attempts are used up fails its run', async () => {
      const { run, history } = await ended(await start('refund', { amount: 12 }))
      expect(run.status).toBe('failed')
      expect(run.error?.message).toBe('the payment gateway is down')
      expect(history.map(({ attemptCount, status, error }) => [attemptCount, status, error?.message])).toEqual(
        [1, 2, 3].map((attempt) => [attempt, 'failed', 'the payment gateway is down']),
      )
    })

    test('T4: a run that cancels itself is cancelled, not failed', async () => {
      const { run, history } = await ended(await start('transfer', { amount: -5 }))
      expect(run.status).toBe('cancelled')
      expect(run.error?.message).toContain('cannot transfer a negative amount: -5')
      expect(history).toEqual([])
    })

    test('T5: a conditional step and a fan-out', async () => {
      const members = ['b@acme.test', 'c@acme.test']
      const input = { name: 'Acme Corp', domain: 'acme.test', owner: 'a@acme.test', members }
      const { run, history } = await ended(await start('org-onboarding', input))
      expect(run.output).toEqual({ orgId: 'acme-corp', ownerId: 'acme-corp/a@acme.test' })
      expect(history.map(({ stepName }) => stepName).toSorted()).toEqual(
        [
          'Create org',
          'Verify domain',
          'Add a@acme.test',
          'Add b@acme.test',
          'Add c@acme.test',
          'Tell the owner',
        ].toSorted(),
      )
    })

    test('T6: a loop with sleeps in between', async () => {
      const startedAt = performance.now()
      const emails = ['a', 'b', 'c', 'd'].map((name) => `${name}@acme.test`)
      const { run, history } = await ended(await start('invite-members', { emails }))
      expect(run.output).toEqual({ invitedCount: 4 })
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(3_000)
      expect(history.map(({ stepName, status }) => [stepName, status])).toEqual(
        emails.map(() => ['Invite', 'succeeded']),
      )
    })
  })

  describe('the API of the template', () => {
    test('cancels a run from outside', async () => {
      const runId = await start('onboarding', { email: 'a@b.c' })
      const { body } = await call<Run>(`/runs/${runId}/cancel`, { reason: 'no longer wanted' })
      expect(body.status).toBe('cancelled')
      expect((await ended(runId)).run.error?.message).toBe('no longer wanted')
    })

    test('starts a run once for each idempotency key', async () => {
      const headers = { 'idempotency-key': 'transfer 4711' }
      const first = await call('/workflows/transfer/runs', { amount: 1 }, headers)
      const second = await call('/workflows/transfer/runs', { amount: 1 }, headers)
      const other = await call<{ error: string }>('/workflows/transfer/runs', { amount: 2 }, headers)
      expect([first.status, second.status, other.status]).toEqual([201, 200, 409])
      expect(second.body).toEqual({ runId: 'transfer 4711', created: false })
    })

    test('tells what was wrong with a request', async () => {
      const answers = await Promise.all([
        call<{ error: string }>('/runs/none'),
        call<{ error: string }>('/runs/none/wait'),
        call<{ error: string }>('/runs/none/cancel', {}),
        call<{ error: string }>('/workflows/tranfer/runs', { amount: 1 }),
        call<{ error: string }>('/workflows/transfer/runs', { amount: 'much' }),
      ])
      expect(answers.map(({ status, body }) => `${status} ${body.error}`)).toMatchInlineSnapshot(`
      [
        "404 no run with id 'none'",
        "404 no run with id 'none'",
        "404 no run with id 'none'",
        "404 no workflow is named 'tranfer'; did you mean 'transfer'?",
        "400 the input of workflow 'transfer' does not fit its schema: amount: Invalid type: Expected number but received "much"",
      ]
    `)
    })

    test('streams the changes of a run until it has ended', async () => {
      const runId = await start('charge', { amount: 3 })
      const response = await fetch(`${url}/runs/${runId}/events`)
      const events = (await response.text()).split('\n').filter((line) => line.startsWith('data: '))
      const runs = events.map((line) => JSON.parse(line.slice('data: '.length)) as Run)
      expect(runs.length).toBeGreaterThan(1)
      expect(runs.at(-1)).toMatchObject({ id: runId, status: 'completed' })
    })
  })
})
