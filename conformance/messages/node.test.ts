import { execFile } from 'node:child_process'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { Notebook } from './notebook.ts'

const root = path.resolve(import.meta.dirname, '..')
const pretend = pathToFileURL(path.join(import.meta.dirname, 'pretend-node.mjs')).href

/** What a process that takes itself for this Node.js ends with. */
function run(args: readonly string[], version: string): Promise<{ code: number; said: string }> {
  const env = { ...process.env, NODE_OPTIONS: '', PRETEND_NODE: version }
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', pretend, ...args], { cwd: root, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, said: stdout + stderr }),
    )
  })
}

const program = (text: string) => ['--input-type=module', '-e', text]

/** Says the message of what it throws, as a process that starts does. */
const open = `
  import { PgWorkflowService } from '@pikku/pg'
  import { PgBossQueueService, PgBossQueueWorkers } from '@pikku/queue-pg-boss'
  const url = 'postgresql://nobody@127.0.0.1:9/nothing'
  const createSingletonServices = async () => {
    const queueService = new PgBossQueueService(url)
    return { queueService, workflowService: new PgWorkflowService(url, queueService) }
  }
  const say = (error) => { console.log(error.code + ': ' + error.message); process.exitCode = 1 }
`

const ways: Readonly<Record<string, readonly string[]>> = {
  'npx pikku': ['node_modules/@pikku/cli/dist/cli.js', '--version'],
  'init()': program(
    `${open} await createSingletonServices().then((services) => services.workflowService.init()).catch(say)`,
  ),
  'registerQueues()': program(
    `${open} await createSingletonServices().then((services) => new PgBossQueueWorkers(services).registerQueues()).catch(say)`,
  ),
}

test('too old a Node.js', async () => {
  const notes = new Notebook([[new RegExp(process.execPath.replaceAll(/[.\\]/g, '\\$&'), 'g'), '<node>']])
  for (const [way, args] of Object.entries(ways)) {
    for (const version of ['20.19.4', '22.11.0']) {
      const { code, said } = await run(args, version)
      expect(code, said).toBe(1)
      notes.add(`${way} on ${version}`, said.trimEnd())
    }
  }
  await notes.check('old-node')
})

test('the oldest Node.js that is new enough gets as far as the server', async () => {
  expect((await run(ways['npx pikku']!, '22.12.0')).code).toBe(0)
  expect((await run(ways['init()']!, '22.12.0')).said).toMatch(/^STORE_UNAVAILABLE: /)
})
