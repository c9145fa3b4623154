import assert from 'node:assert/strict'
import { test } from 'vitest'
import { StoreUnavailableError, WorkflowError } from '../contract/index.ts'
import { toQueueJob, type JobRecord, type JobSource } from './index.ts'

const times = { createdAt: new Date(0), startedAt: undefined, finishedAt: undefined }
const rest = { progress: undefined, attemptsMade: 1, attempts: 1, priority: 0, failedReason: undefined }
const active: JobRecord = {
  id: 'a',
  queueName: 'mail',
  data: 1,
  status: 'active',
  result: undefined,
  metadata: { ...times, ...rest },
}
const completed: JobRecord = { ...active, status: 'completed', result: 'done' }

/** Reads that go as told, one after the other, the last one for ever; something changes after each. */
function source(...reads: readonly (JobRecord | Error)[]): JobSource {
  let at = 0
  return {
    read: () => {
      const read = reads[Math.min(at++, reads.length - 1)] ?? null
      return read instanceof Error ? Promise.reject(read) : Promise.resolve(read)
    },
    changed: () => new Promise((resolve) => setTimeout(resolve, 1)),
  }
}

test('a server that is away for a while ends no wait', async () => {
  const away = [new Error('connection refused'), new StoreUnavailableError('no answer')]
  assert.equal(await toQueueJob(active, source(active, ...away, active, completed)).waitForCompletion(), 'done')
})

test('a server that stays away beyond ttlMs is unavailable, and the cause is told', async () => {
  const cause = new Error('connection refused')
  await assert.rejects(toQueueJob(active, source(cause)).waitForCompletion(20), { code: 'STORE_UNAVAILABLE', cause })
})

test('what is definite ends a wait at once', async () => {
  const closed = new WorkflowError('CONFIGURATION', 'this queue service is closed')
  await assert.rejects(toQueueJob(active, source(active, closed)).waitForCompletion(), closed)
})
