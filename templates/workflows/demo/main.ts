// `npm start`: the API and two workers as processes of their own, one run, and what happened in it.
// With `--crash` the worker that is sending the mail is killed while it does so.
import { ApiClient } from './api-client.js'
import { MailProvider } from './mail-provider.js'
import { generate, Processes } from './processes.js'
import { pidOf, Timeline } from './timeline.js'

const crash = process.argv.includes('--crash')
const deadlineMs = 60_000
const processes = new Processes()
let onMail: (nth: number) => Promise<'answer' | 'silence'> = async () => 'answer'
const mailProvider = new MailProvider((nth) => onMail(nth))

/** @returns whether the run completed */
async function demo(): Promise<boolean> {
  generate()
  const mailUrl = { MAIL_URL: await mailProvider.start() }
  const [api, ...workers] = await Promise.all([
    processes.start('api', 'src/server.ts', { PORT: '0' }),
    processes.start('worker 1', 'src/worker.ts', mailUrl),
    processes.start('worker 2', 'src/worker.ts', mailUrl),
  ])
  console.log(`» the API is ${api.line} (pid ${api.pid}); workers: pids ${workers.map(({ pid }) => pid).join(' and ')}`)

  const client = new ApiClient(api.line.replace('listening on ', ''))
  const runId = await client.start('onboarding', { email: 'Ada@example.com' })
  const timeline = new Timeline((pid) => processes.nameOf(pid))
  timeline.note(`run ${runId} of workflow onboarding is started`)
  if (crash) onMail = killFirstSender(client, runId, timeline)

  for await (const _change of client.changes(runId)) {
    timeline.show(...(await client.whatHappened(runId)))
  }
  const { status, output, error } = await client.run(runId)
  if (crash) {
    const { requests, delivered } = mailProvider.counts
    console.log(`» the mail provider was asked ${requests} times with the same key and delivered ${delivered} mail`)
  }
  console.log(`» output: ${JSON.stringify(output ?? error)}`)
  await stop()
  console.log(`run ${runId} ${status}`)
  return status === 'completed'
}

/** The first mail is delivered, but whoever sent it dies before it hears so. */
function killFirstSender(client: ApiClient, runId: string, timeline: Timeline): typeof onMail {
  let killedAt = 0
  return async (nth) => {
    if (nth > 1) {
      const afterMs = Date.now() - killedAt
      timeline.show(...(await client.whatHappened(runId)))
      timeline.note(`Send welcome mail: attempt ${nth} began ${afterMs} ms after the kill`)
      return 'answer'
    }
    const step = (await client.steps(runId)).find(({ status }) => status === 'running')
    if (!step?.worker) throw new Error('a mail was sent, but no step is running')
    const pid = pidOf(step.worker)
    timeline.show(...(await client.whatHappened(runId)))
    timeline.note(`${step.stepName}: ${processes.nameOf(pid)} is sending; SIGKILL to pid ${pid}`)
    killedAt = Date.now()
    processes.kill(pid)
    return 'silence'
  }
}

async function stop(): Promise<void> {
  mailProvider.stop()
  await processes.stop()
}

function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => reject(new Error(`interrupted by ${signal}`)))
    }
    setTimeout(() => reject(new Error(`not over within ${deadlineMs / 1000} s`)), deadlineMs)
  })
}

const completed = await Promise.race([demo(), interruption()]).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return false
})
await stop()
process.exit(completed ? 0 : 1)
