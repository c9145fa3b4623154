import { startRedisName } from '@pikku/tooling/redis-name'
import { expect, onTestFinished, test } from 'vitest'
import { BullQueueService } from '../src/index.ts'
import { RecordingLogger, runItem, succeeds, until } from './support.ts'

test(
  'F44: a master becomes a replica that keeps its connections: rings and jobs arrive at the new one',
  { timeout: 60_000 },
  async () => {
    const name = await startRedisName()
    const logger = new RecordingLogger()
    const [first, second] = [new BullQueueService(name.url, { logger }), new BullQueueService(name.url, { logger })]
    onTestFinished(async () => {
      await Promise.all([first.close(), second.close()])
      await name.dispose()
    })
    const queues = { orchestrator: 'orchestrator', worker: 'step-worker' }
    const doorbell = first.doorbell(queues)
    const heard: string[] = []
    const mails: unknown[] = []
    await second.doorbell(queues).answer({ run: 5, step: 5 }, async (item) => void heard.push(item.runId))
    await second.consume('mail', {}, async (job) => void mails.push(job.data))
    await doorbell.ring([runItem('before')])
    await first.add('mail', 'before')
    await until('both arrive', () => heard.includes('before') && mails.includes('before'))

    await name.failOver()
    await until('a ring is taken', () => succeeds(() => doorbell.ring([runItem('after')])))
    await until('a job is taken', () => succeeds(() => first.add('mail', 'after', { jobId: 'after' })))
    await until('both arrive', () => heard.includes('after') && mails.includes('after'), 30_000)
    expect(await name.second.keys('bull:*')).not.toEqual([])
  },
)
