import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { DocumentApp, filesAround, inlineServices, workerOf } from './apps.ts'
import { absence, documentIsThere, readFences, type Fence } from './fences.ts'
import { AppProcess } from './processes.ts'
import { startPostgres, startRedis, type DocumentStore } from './stores.ts'

/** What the document holds: language and digest of each snippet, in order. */
const expectedFences = [
  ['json', '39bb6f30055c54963d5fdef562e252328eea44c6eb35fcd7d4cf8463cd9c2a92'], // 0: pikku.config.json
  ['typescript', '0d845b149d7c6db307e901d341955374d88cbdd9f45d127cd577af3b846a61f0'], // 1: services, PostgreSQL
  ['typescript', 'e95aebf4c10d5d25b52e417566c7e79430a72362214009eda85b6f5be7393cdc'], // 2: inline mode, PostgreSQL
  ['typescript', '7ffddfd2fc7596d42584c7945827f305caea8b7073c89a5c6608cf08606ee57f'], // 3: services, Redis
  ['typescript', '39d561fccd13ebd6aaed1411ef2d2639128ba6d74c4b6366e270a6182a609ef9'], // 4: inline mode, Redis
  ['typescript', '0876ef47cbf724438af950adcf3272c23fe711385bbcdf13de60edf07135df65'], // 5: metadata
  ['typescript', '69f384f239352e94d8911a273aaa5af295a724485a10f0e3f8bbdd79426e967b'], // 6: getRun
  ['typescript', '5925b68fa2d006c127afd66593c7361b489269aea98efc0e60104c8faa5e894d'], // 7: getRunHistory
  ['typescript', '422dee27bc083c77b54fb01e5083295359582cd02326ab099ae6c8460ed91aad'], // 8: polling
]

/** The document's two options: the snippet with the services, the one of inline mode, and what is found afterwards. */
const options = [
  {
    store: 'PostgreSQL',
    fences: { services: 1, inline: 2 },
    start: startPostgres,
    state: expect.arrayContaining(['workflow_runs', 'workflow_step', 'workflow_migration']) as unknown,
  },
  { store: 'Redis', fences: { services: 3, inline: 4 }, start: startRedis, state: ['run', 'step'] },
] as const

const modes = ['remote', 'inline'] as const

if (!documentIsThere && process.env['CI'] === 'true') {
  test("the user's document", () => expect.fail(absence))
} else if (!documentIsThere) {
  console.warn(absence)
}

const missing = documentIsThere ? '' : ' (skipped: it is not there)'

describe.skipIf(!documentIsThere)(`the user's document${missing}`, () => {
  test('has the nine snippets this test knows, to the byte', () => {
    expect(readFences().map(({ language, sha256 }) => [language, sha256])).toEqual(expectedFences)
  })

  test('every snippet stands unchanged in an app', () => {
    const fences = readFences()
    const texts = options.flatMap(({ store, fences: of }) => [
      ...Object.values(filesAround(fences, fences[of.services]!.text)),
      inlineServices(store, fences[of.inline]!.text),
    ])
    const used = fences.flatMap(({ text }, index) => (texts.some((each) => each.includes(text)) ? [index] : []))
    expect(used).toEqual(fences.map((_, index) => index))
  })
})

describe.skipIf(!documentIsThere).each(options)(
  `the user's document on $store${missing}`,
  ({ store, fences: of, start, state }) => {
    let fences: Fence[] = []
    let server: DocumentStore
    const apps: { remote?: DocumentApp; inline?: DocumentApp } = {}

    beforeAll(async () => {
      fences = readFences()
      server = await start()
      const remote = filesAround(fences, fences[of.services]!.text)
      apps.remote = new DocumentApp({ ...remote, 'src/worker.ts': workerOf(store) })
      const inline = filesAround(fences, inlineServices(store, fences[of.inline]!.text))
      apps.inline = new DocumentApp(inline, { without: ['src/worker.ts'] })
    })

    afterAll(async () => {
      apps.remote?.dispose()
      apps.inline?.dispose()
      await server?.dispose()
    })

    function open(file: string, mode: (typeof modes)[number]): AppProcess {
      const app = new AppProcess(file, { folder: apps[mode]!.folder, servers: server.servers })
      onTestFinished(() => app.kill())
      return app
    }

    test.each(modes)('%s: pikku takes the configuration and the app', async (mode) => {
      const app = apps[mode]!
      expect(await app.pikku()).toEqual({
        code: 0,
        stdout:
          '2 workflows, 5 functions, 0 queue workers: wrote src/workflows/pikku.workflows.gen.ts and .pikku/workflows.json\n',
        stderr: '',
      })
      const { workflows } = JSON.parse(app.read('.pikku/workflows.json')) as { workflows: { name: string }[] }
      expect(workflows.find(({ name }) => name === 'order-fulfillment')).toMatchObject({
        description: 'Process order payment, inventory, and shipping',
        tags: ['orders', 'fulfillment', 'payments'],
      })
    })

    test.each(modes)('%s: it compiles under plain strict, libraries included', async (mode) => {
      expect(await apps[mode]!.tsc()).toEqual({ code: 0, stdout: '', stderr: '' })
    })

    test('remote: it runs, with its workers in another process', async () => {
      await server.clear()
      const worker = open('src/worker.ts', 'remote')
      await worker.printed(/^ready$/m)
      const main = open('src/main.ts', 'remote')
      const [, result = ''] = await main.printed(/^result (.*)$/m)
      expect(JSON.parse(result)).toEqual({ ...expectedResult, remote: true })
      await main.printed(/^closed$/m)
      worker.terminate()
      await worker.printed(/^closed$/m)
      expect(await server.end([main, worker]), main.output + worker.output).toBe(0)
      expect(await server.contents()).toEqual({
        state,
        queues: ['pikku-workflow-orchestrator', 'pikku-workflow-step-worker'],
      })
    })

    test('inline: it runs in one process, with no queue', async () => {
      await server.clear()
      const main = open('src/main.ts', 'inline')
      const [, result = ''] = await main.printed(/^result (.*)$/m)
      expect(JSON.parse(result)).toEqual({ ...expectedResult, remote: false })
      await main.printed(/^closed$/m)
      expect(await server.end([main]), main.output).toBe(0)
      expect(await server.contents()).toEqual({ state, queues: [] })
    })
  },
)

const attempt = (stepName: string, attemptCount: number, outcome: object) => ({
  stepName,
  attemptCount,
  createdAt: true,
  ...outcome,
})

const shippedAt = '2026-01-02T03:04:05.006Z'

/** What `app/src/main.ts` prints, the same in both modes. */
const expectedResult = {
  polled: {
    completed: { receipt: 'receipt-5', doubled: 10 },
    failed: 'the card was declined',
    cancelled: 'Workflow was cancelled',
  },
  waited: { shippedAt },
  status: { status: 'completed', output: { shippedAt }, createdAt: expect.stringMatching(/^\d{4}-.*Z$/) },
  failedStatus: {
    status: 'failed',
    error: expect.objectContaining({}),
    createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
  },
  cancelledReason: 'nothing to pay',
  unknown: { run: null, status: 'Workflow not found: not-a-uuid', history: [] },
  history: [
    attempt('Charge', 1, { status: 'failed', error: 'the card reader is busy' }),
    attempt('Charge', 2, { status: 'succeeded', result: { receipt: 'receipt-5' } }),
    attempt('Double', 1, { status: 'succeeded', result: 10 }),
  ],
  failedHistory: [
    attempt('Charge', 1, { status: 'failed', error: 'the card reader is busy' }),
    attempt('Charge', 2, { status: 'failed', error: 'the card was declined' }),
  ],
  tagged: [{ workflow: 'order-fulfillment', tags: ['orders', 'fulfillment', 'payments'] }],
}
