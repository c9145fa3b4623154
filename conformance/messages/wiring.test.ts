import {
  createRpc,
  defineFunction,
  defineWorkflow,
  registerApp,
  registerQueueWorker,
  registerReducer,
  registerWorkflow,
  type FunctionConfig,
  type WorkflowConfig,
} from '@pikku/core'
import { resetRegistry } from '@pikku/core/testing'
import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
import { afterEach, beforeEach, test } from 'vitest'
import { Notebook } from './notebook.ts'

// Nothing of this needs a server: what is refused here is refused before anything is connected to.
const nowhere = 'postgresql://nobody@127.0.0.1:9/nothing'
const queues = { orchestrator: 'pikku-workflow-orchestrator', worker: 'pikku-workflow-step-worker' }

const func = defineFunction({ func: () => 1 }) as FunctionConfig
const body = defineWorkflow({ func: () => 1 }) as WorkflowConfig

beforeEach(resetRegistry)
afterEach(resetRegistry)

const emptyApp = () => registerApp({ queues, load: async () => ({ functions: { charge: func } }) })

async function refuse(name: string, acts: Readonly<Record<string, () => unknown>>): Promise<void> {
  const notes = new Notebook()
  for (const [given, act] of Object.entries(acts)) {
    resetRegistry()
    await notes.refused(given, act)
  }
  await notes.check(name)
}

const loose = (value: unknown): never => value as never

test('the generated file', async () => {
  await refuse('generated-file', {
    'forgotten: rpc.startWorkflow': () => {
      const workflowService = new PgWorkflowService(nowhere, new PgBossQueueService(nowhere))
      return createRpc({ workflowService }).startWorkflow('onboarding', {})
    },
    'forgotten: workers.registerQueues': () => {
      const queueService = new PgBossQueueService(nowhere)
      const workflowService = new PgWorkflowService(nowhere, queueService)
      return new PgBossQueueWorkers({ workflowService, queueService }).registerQueues()
    },
    'imported by two paths': () => {
      emptyApp()
      emptyApp()
    },
    'it names a function that its module does not export': () => {
      registerApp({ queues, load: async () => ({ functions: { charge: loose(undefined) } }) })
      return createRpc({}).invoke('charge')
    },
    'a module of the app throws': () => {
      registerApp({ queues, load: () => Promise.reject(new Error('cannot read the tariff')) })
      return createRpc({}).invoke('charge')
    },
  })
})

test('wireWorkflow and wireQueueWorker', async () => {
  const wire = (wiring: unknown) => registerWorkflow(loose(wiring))
  const wireQueue = (wiring: unknown) => registerQueueWorker(loose(wiring))
  await refuse('wirings', {
    'wireWorkflow: a name that is taken': () => {
      wire({ name: 'order', func: body })
      wire({ name: 'order', func: body })
    },
    "wireWorkflow: name ''": () => wire({ name: '', func: body }),
    'wireWorkflow: no name': () => wire({ func: body }),
    'wireWorkflow: func is a plain function': () => wire({ name: 'order', func: () => 1 }),
    'wireWorkflow: func is a pikkuSessionlessFunc': () => wire({ name: 'order', func }),
    'wireWorkflow: no func': () => wire({ name: 'order' }),
    "wireWorkflow: tags 'orders'": () => wire({ name: 'order', func: body, tags: 'orders' }),
    "wireWorkflow: tags ['']": () => wire({ name: 'order', func: body, tags: [''] }),
    'wireWorkflow: after the app was loaded': async () => {
      emptyApp()
      await createRpc({}).invoke('charge')
      wire({ name: 'order', func: body })
    },
    'wireQueueWorker: a queue that has a worker': () => {
      wireQueue({ queueName: 'mail', func })
      wireQueue({ queueName: 'mail', func })
    },
    "wireQueueWorker: the workflows' own queue": () => wireQueue({ queueName: queues.worker, func }),
    'wireQueueWorker: func is a pikkuWorkflowFunc': () => wireQueue({ queueName: 'mail', func: body }),
    'wireQueueWorker: rateLimit': () => wireQueue({ queueName: 'mail', func, config: { rateLimit: 5 } as object }),
    'wireQueueWorker: concurrency 0': () => wireQueue({ queueName: 'mail', func, config: { concurrency: 0 } }),
  })
})

test('pikkuSessionlessFunc and pikkuWorkflowFunc', async () => {
  const define = (definition: unknown) => defineFunction(loose(definition))
  await refuse('definitions', {
    'pikkuSessionlessFunc(7)': () => define(7),
    'pikkuSessionlessFunc({})': () => define({}),
    "pikkuSessionlessFunc({ func: 'charge' })": () => define({ func: 'charge' }),
    'pikkuSessionlessFunc({ func, retry: 3 })': () => define({ func: () => 1, retry: 3 }),
    'pikkuSessionlessFunc({ func, retries: -1 })': () => define({ func: () => 1, retries: -1 }),
    "pikkuSessionlessFunc({ func, retryDelay: 'soon' })": () => define({ func: () => 1, retryDelay: 'soon' }),
    'pikkuSessionlessFunc({ func, input: {} })': () => define({ func: () => 1, input: {} }),
    'pikkuSessionlessFunc({ func, name: 7 })': () => define({ func: () => 1, name: 7 }),
    'pikkuWorkflowFunc({ func, retries: 1 })': () => defineWorkflow(loose({ func: () => 1, retries: 1 })),
  })
})

test('registerReducer', async () => {
  const reducer = { is: (value: unknown): value is Date => value instanceof Date, reduce: Number, revive: Number }
  await refuse('reducers', {
    'a name that is taken': () => {
      registerReducer('Money', loose(reducer))
      registerReducer('Money', loose(reducer))
    },
    "the name ''": () => registerReducer('', loose(reducer)),
  })
})

test('services', async () => {
  const queueService = new PgBossQueueService(nowhere)
  const workflowService = new PgWorkflowService(nowhere, queueService)
  const workers = (services: unknown, options?: unknown) => () => {
    emptyApp()
    return new PgBossQueueWorkers(loose(services), loose(options)).registerQueues()
  }
  const bag = { workflowService, queueService }
  const fresh = () => ({ workflowService: new PgWorkflowService(nowhere, queueService), queueService })
  await refuse('services', {
    'two bags: createRpc': () => {
      createRpc(bag)
      createRpc({ ...bag })
    },
    'two bags: the workers': () => new PgBossQueueWorkers({ ...bag }),
    'workers without a workflowService': workers({ queueService }),
    'workers without services': workers(undefined),
    'workers without a queueService': workers({ workflowService: new PgWorkflowService(nowhere) }),
    'rpc.startWorkflow without a workflowService': () => {
      emptyApp()
      return createRpc({}).startWorkflow('onboarding', {})
    },
    'createRpc without services': () => createRpc(loose(undefined)),
    'createRpc(createSingletonServices())': () => createRpc(Promise.resolve({ workflowService })),
    "only: ['pikku-workflow-step-workers']": workers(fresh(), { only: ['pikku-workflow-step-workers'] }),
    "only: 'pikku-workflow-step-worker'": workers(fresh(), { only: 'pikku-workflow-step-worker' }),
    'only: []': workers(fresh(), { only: [] }),
    'concurrency: { mail: 5 }': workers(fresh(), { concurrency: { mail: 5 } }),
    "concurrency: { 'pikku-workflow-step-worker': 0 }": workers(fresh(), { concurrency: { [queues.worker]: 0 } }),
    "concurrency: { 'pikku-workflow-step-worker': '5' }": workers(fresh(), { concurrency: { [queues.worker]: '5' } }),
    'concurrency: 5': workers(fresh(), { concurrency: 5 }),
    'an unknown option: { concurency: … }': workers(fresh(), { concurency: { mail: 5 } }),
  })
})

test('options and schema of the workflow service', async () => {
  const service = (options: unknown) => () => new PgWorkflowService(nowhere, undefined, 'workflows', loose(options))
  const schema = (name: unknown) => () => new PgWorkflowService(nowhere, undefined, loose(name))
  const connect = (connection: unknown) => () => new PgWorkflowService(loose(connection))
  await refuse('workflow-service-options', {
    'leaseMs: 10': service({ leaseMs: 10 }),
    "leaseMs: '10s'": service({ leaseMs: '10s' }),
    'leaseMs: NaN': service({ leaseMs: Number.NaN }),
    'graceMs: -1': service({ graceMs: -1 }),
    'maxPayloadBytes: 0': service({ maxPayloadBytes: 0 }),
    "retention: 'soon'": service({ retention: 'soon' }),
    'retention: -1': service({ retention: -1 }),
    'codec: {}': service({ codec: {} }),
    'observer: () => {}': service({ observer: () => {} }),
    "migrate: 'no'": service({ migrate: 'no' }),
    'an unknown option: { leaseMS: 10_000 }': service({ leaseMS: 10_000 }),
    "the options are 'fast'": service('fast'),
    "a schema's name in the place of the queue service": () => new PgWorkflowService(nowhere, loose('workflows')),
    "schema ''": schema(''),
    'schema: 64 characters': schema('s'.repeat(64)),
    "schema 'pg_mine'": schema('pg_mine'),
    "schema 'a\\u0000b'": schema('a\0b'),
    'schema 7': schema(7),
    'connection undefined': connect(undefined),
    "connection ''": connect(''),
    "connection 'localhost'": connect('localhost'),
    "connection 'mysql://localhost/app'": connect('mysql://localhost/app'),
    "connection 'postgres://user:secret@host:port/app'": connect('postgres://user:secret@host:port/app'),
    'connection 7': connect(7),
  })
})

test('connections of the queue service', async () => {
  const connect = (connection: unknown) => () => new PgBossQueueService(loose(connection))
  await refuse('queue-service-connections', {
    'connection undefined': connect(undefined),
    "connection ''": connect(''),
    "connection 'localhost'": connect('localhost'),
    "connection 'redis://user:secret@localhost:6379'": connect('redis://user:secret@localhost:6379'),
    "connection 'postgres://user:secret@host:port/app'": connect('postgres://user:secret@host:port/app'),
    'connection 7': connect(7),
  })
})
