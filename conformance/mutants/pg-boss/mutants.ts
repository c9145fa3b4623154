import type { Subject } from '../mutant.ts'

const service = 'pg-boss-queue-service.ts'
const consumer = 'queue-consumer.ts'
const options = 'job-options.ts'
const record = 'job-record.ts'
const data = 'job-data.ts'

export const mutants: Subject['mutants'] = {
  add: [
    {
      what: 'hands over what was added as JSON',
      change: {
        [data]: {
          'return envelope ? decodeJobValue(envelope.v) : data': 'return envelope ? JSON.parse(envelope.v) : data',
        },
      },
      caughtBy: 'add › every value keeps its type, as data and as result',
    },
  ],
  jobId: [
    {
      what: 'tells its own id in the place of the given one',
      change: { [data]: { 'return id === undefined ? job.id : String(decodeJobValue(id))': 'return job.id' } },
      caughtBy: 'jobId › F37: is one job, whatever its form, from any process',
    },
  ],
  'removeOnComplete and removeOnFail': [
    {
      what: 'knows ended jobs for as long as their rows are there',
      change: { [service]: { 'return job && !isOver(job) ? job : null': 'return job' } },
      caughtBy:
        'removeOnComplete and removeOnFail › F45: after its age a job is unknown to everybody, and its jobId free',
    },
    {
      what: 'takes one age for both ends',
      change: {
        [record]: { "(status === 'completed' ? completed : failed) * 1_000": 'Math.max(completed, failed) * 1_000' },
      },
      caughtBy: 'removeOnComplete and removeOnFail › each end by its own age',
    },
  ],
  delay: [
    {
      what: 'forgets the delay',
      change: { [options]: { 'delayMs > 0 ? { startAfter: intervalOf(delayMs) } : {}': '{}' } },
      caughtBy: 'delay › holds a job back that long, and not much longer',
    },
  ],
  priority: [
    {
      what: 'knows no priority',
      change: { [options]: { '    priority,\n    // An interval': '    // An interval' } },
      caughtBy: 'priority › the higher one first, below zero last, equals as they were added',
    },
  ],
  attempts: [
    {
      what: 'allows one attempt more',
      change: { [options]: { 'retryLimit: attempts - 1': 'retryLimit: attempts' } },
      caughtBy: 'attempts › as many as allowed, numbered from 1, and no more',
    },
    {
      what: 'numbers attempts from 0',
      change: { [consumer]: { 'attempt: job.retryCount + 1,': 'attempt: job.retryCount,' } },
      caughtBy: 'attempts › as many as allowed, numbered from 1, and no more',
    },
  ],
  backoff: [
    {
      what: 'waits for no time',
      change: { [consumer]: { 'const delayMs = nextInMs(job)': 'const delayMs = 0' } },
      caughtBy: 'backoff › F25: fixed is a minimum, in milliseconds',
    },
  ],
  fail: [
    {
      what: 'acknowledges what failed',
      change: {
        [consumer]: {
          'return boss.fail(job.name, [job], failure, { db })': 'return boss.complete(job.name, [job], failure)',
        },
      },
      caughtBy: 'fail › what a handler throws fails the job, and its message is the reason',
    },
    {
      what: 'remembers the reason of an attempt that was followed by a good one',
      change: {
        [record]: {
          "failedReason: status === 'completed' ? undefined : reasonFrom(job.output)":
            "failedReason: reasonFrom(job.output) ?? 'unknown'",
        },
      },
      caughtBy:
        'fail › the reason of a failed attempt is there while the next one is waited for, and gone once it completed',
    },
  ],
  discard: [
    {
      what: 'tries again what is not to be tried again',
      change: { [consumer]: { 'if (discarded) await this.#statements.makeLast(job)': '' } },
      caughtBy: 'discard › a NonRetryableError fails the job at once, attempts left or not',
    },
  ],
  workers: [
    {
      what: 'runs more at once than it may',
      change: { [consumer]: { 'slots: options.concurrency,': 'slots: options.concurrency + 1,' } },
      caughtBy: 'workers › one at a time by default',
    },
    {
      what: 'runs one at a time whatever it may',
      change: { [consumer]: { 'slots: options.concurrency,': 'slots: 1,' } },
      caughtBy: 'workers › F43: up to concurrency at once, and a slow job holds up no other',
    },
  ],
  'closing while working': [
    {
      what: 'stops without waiting for what is under way',
      change: { [consumer]: { 'await Promise.race([Promise.all(this.#settling), over])': '' } },
      caughtBy: 'closing while working › stop waits for what is under way, and takes no more',
    },
    {
      what: 'takes more while it stops',
      change: { [consumer]: { 'this.#unsubscribe()\n    await this.#loop.stop()': '' } },
      caughtBy: 'closing while working › stop waits for what is under way, and takes no more',
    },
    {
      what: 'keeps what it left unfinished',
      change: { [consumer]: { 'this.#statements.giveBack(job)': 'Promise.resolve(job)' } },
      caughtBy: 'closing while working › close gives back what is under way',
    },
    {
      what: 'counts what was given back as an attempt',
      change: {
        'job-statements.ts': {
          "set state = '${state}', started_on = null,":
            "set state = 'retry', retry_count = retry_count + 1, started_on = null,",
        },
      },
      caughtBy: 'closing while working › close gives back what is under way',
    },
  ],
  'a worker that died': [
    {
      what: 'asks for no sign of life',
      change: { [options]: { 'heartbeatSeconds: HEARTBEAT_SECONDS,': '' } },
      caughtBy: 'a worker that died › has failed the job when that was its last attempt',
    },
  ],
  'status and metadata': [
    {
      what: 'shows a job that waits for its time as waiting',
      change: { [record]: { "job.startAfter.getTime() > Date.now() ? 'delayed' : 'waiting'": "'waiting'" } },
      caughtBy: 'backoff › a job that waits for its next attempt is delayed',
    },
    {
      what: 'does not count the attempt under way',
      change: { [record]: { '(job.startedOn ? 1 : 0)': '0' } },
      caughtBy: 'status and metadata › metadata tells priority, attempts and times, from the first moment to the end',
    },
  ],
  getJob: [
    {
      what: 'shows one picture of a job for ever',
      change: { [service]: { 'return again && toJobRecord(again)': 'return again && toJobRecord(job)' } },
      caughtBy: 'getJob › a job is as it was when it was read; status and metadata look again',
    },
  ],
  updateProgress: [
    {
      what: 'keeps no progress',
      change: { [record]: { 'progress: progressOf(job.data)': 'progress: undefined' } },
      caughtBy: 'updateProgress › is seen from another process while the job runs; the latest wins',
    },
  ],
}
