import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WorkflowError } from '../contract/errors.ts'
import { defineFunction, defineWorkflow } from './function-config.ts'
import { nearest } from './nearest.ts'
import {
  createRegistry,
  loadRegistry,
  registerApp,
  registerQueueWorker,
  registerWorkflow,
  resetRegistry,
  type App,
} from './registry.ts'

const queues = { orchestrator: 'o', worker: 'w' }
const body = defineWorkflow(async () => 'done')
const double = defineFunction(async (_services: object, data: number) => data * 2)

function app(functions = {}, load = async () => ({ functions })): App {
  return { queues, load }
}

beforeEach(resetRegistry)
afterEach(resetRegistry)

describe('the process registry', () => {
  test('loads the app once, and has what its modules wired', async () => {
    let loads = 0
    registerApp(
      app({}, async () => {
        loads++
        registerWorkflow({ name: 'order', func: body, tags: ['a'] })
        registerQueueWorker({ queueName: 'mail', func: double, config: { concurrency: 3 } })
        return { functions: { double } }
      }),
    )
    expect(loads).toBe(0)
    const [one, two] = await Promise.all([loadRegistry(), loadRegistry()])
    expect(one).toBe(two)
    expect(loads).toBe(1)
    expect(one.queues).toEqual(queues)
    expect(one.workflows().map(({ name, tags }) => [name, tags])).toEqual([['order', ['a']]])
    expect(one.rpc('double')?.func).toBe(double.func)
    expect(one.queueWorkers()).toEqual([{ queueName: 'mail', func: double.func, concurrency: 3 }])
  })

  test('is one for two copies of the package', async () => {
    vi.resetModules()
    const copy = await import('./registry.ts')
    expect(copy.registerApp).not.toBe(registerApp)
    registerApp(app())
    copy.registerWorkflow({ name: 'order', func: body })
    expect((await loadRegistry()).workflow('order')).toBeDefined()
  })

  test('says that the generated file was not imported', async () => {
    await expect(loadRegistry()).rejects.toThrow(/no app is registered: import the generated file/)
  })

  test('refuses an app that was evaluated twice', () => {
    registerApp(app())
    expect(() => registerApp(app())).toThrow(/evaluated twice/)
  })

  test('refuses doubled names, and what is wired too late', async () => {
    registerWorkflow({ name: 'order', func: body })
    expect(() => registerWorkflow({ name: 'order', func: body })).toThrow(/named 'order' is wired already/)
    registerQueueWorker({ queueName: 'mail', func: double })
    expect(() => registerQueueWorker({ queueName: 'mail', func: double })).toThrow(/has a worker already/)
    registerApp(app())
    await loadRegistry()
    expect(() => registerWorkflow({ name: 'late', func: body })).toThrow(/after the app was loaded/)
  })

  test('a failed load is told to everyone who asks', async () => {
    registerApp(app({}, () => Promise.reject(new Error('syntax'))))
    await expect(loadRegistry()).rejects.toThrow('syntax')
    await expect(loadRegistry()).rejects.toThrow('syntax')
  })
})

describe('createRegistry', () => {
  test('knows nothing of the process', () => {
    registerWorkflow({ name: 'order', func: body })
    const registry = createRegistry({ workflows: [{ name: 'other', func: body }], functions: { double } })
    expect(registry.workflow('order')).toBeUndefined()
    expect(registry.workflow('other')).toMatchObject({ name: 'other', func: body.func })
    expect(registry.queues.orchestrator).toBe('pikku-workflow-orchestrator')
    expect(registry.rpc('toString')).toBeUndefined()
  })

  test('another code is another hash', () => {
    const hash = (func: typeof body) => createRegistry({ workflows: [{ name: 'w', func }] }).workflow('w')?.codeHash
    expect(hash(body)).toMatch(/^[0-9a-f]{16}$/)
    expect(hash(body)).toBe(hash(defineWorkflow(body.func)))
    expect(hash(body)).not.toBe(hash(defineWorkflow(async () => 'changed')))
  })

  test.each([
    [{ workflows: [{ name: '', func: body }] }, 'INVALID_NAME', /wireWorkflow: 'name'/],
    [{ workflows: [{ name: 'a\0b', func: body }] }, 'INVALID_NAME', /'name'/],
    [{ workflows: [{ name: 'w', func: body, tags: 'demo' as never }] }, 'INVALID_NAME', /wireWorkflow\('w'\): tags/],
    [{ workflows: [{ name: 'w', func: double as never }] }, 'CONFIGURATION', /wireWorkflow\('w'\).*pikkuWorkflowFunc/],
    [{ workflows: [{ name: 'w', func: undefined as never }] }, 'CONFIGURATION', /found undefined/],
    [{ functions: { f: body as never } }, 'CONFIGURATION', /function 'f'.*pikkuSessionlessFunc/],
    [{ queueWorkers: [{ queueName: 'q', func: double, config: { concurrency: 0 } }] }, 'CONFIGURATION', /found 0/],
    [
      { queueWorkers: [{ queueName: 'q', func: double, config: { rateLimit: 5 } as object }] },
      'CONFIGURATION',
      /'rateLimit' in this release/,
    ],
    [
      { queueWorkers: [{ queueName: 'pikku-workflow-step-worker', func: double }] },
      'CONFIGURATION',
      /belongs to the workflows/,
    ],
  ])('refuses %o', (parts, code, message) => {
    const thrown = caught(() => createRegistry(parts))
    expect(WorkflowError.is(thrown, code as 'CONFIGURATION')).toBe(true)
    expect(String(thrown)).toMatch(message)
  })
})

describe('definitions', () => {
  const bad: readonly [definition: unknown, message: RegExp][] = [
    [undefined, /found undefined; accepted is a function/],
    [{}, /'func' must be a function, found undefined/],
    [{ func: async () => 1, retries: -1 }, /retries is -1; accepted is a whole number/],
    [{ func: async () => 1, retryDelay: '1 month' }, /retryDelay: '1 month'/],
    [{ func: async () => 1, backoff: 2 }, /unknown option 'backoff'; accepted are func, /],
    [{ func: async () => 1, toString: 2 }, /unknown option 'toString'/],
    [{ func: async () => 1, tags: ['a', 1] }, /pikkuSessionlessFunc: tags/],
    [{ func: async () => 1, input: { type: 'object' } }, /'input' must be a Standard Schema/],
  ]
  test.each(bad)('refuses %o', (definition, message) => {
    expect(() => defineFunction(definition as never)).toThrow(message)
  })

  test('an option that is undefined is one left out', () => {
    const undefineds = { func: async () => 1, tags: undefined, retries: undefined, input: undefined }
    expect(defineFunction(undefineds as never).tags).toEqual([])
  })

  test('a workflow has no retries of its own', () => {
    expect(() => defineWorkflow({ func: async () => 1, retries: 1 } as never)).toThrow(/unknown option 'retries'/)
  })
})

test('near matches, best first', () => {
  const names = ['createUser', 'deleteUser', 'create-user', 'sendEmail', 'sendEmails']
  expect(nearest('createuser', names)).toEqual(['create-user', 'createUser'])
  expect(nearest('sendEmial', names)).toEqual(['sendEmail', 'sendEmails'])
  expect(nearest('zzz', names)).toEqual([])
})

function caught(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}
