import type { Subject } from '../mutant.ts'

const queues = 'memory/memory-queues.ts'
const consumer = 'memory/memory-consumer.ts'
const service = 'memory/memory-queue-service.ts'

export const mutants: Subject['mutants'] = {
  add: [
    {
      what: 'hands over what it was given, not a copy that was written down',
      change: { [consumer]: { 'data: decodeJobValue(job.data)': 'data: JSON.parse(job.data)' } },
      caughtBy: 'add › every value keeps its type, as data and as result',
    },
    {
      what: 'takes any name for a queue',
      change: { [service]: { 'return checkQueueName(queueName)': 'return queueName' } },
      caughtBy: 'add › a queue may be named by letters, digits and _ . - /, and by nothing else',
    },
  ],
  getJob: [
    {
      what: 'shows one picture of a job for ever',
      change: { [service]: { '{ read, changed:': '{ read: async () => job, changed:' } },
      caughtBy: 'getJob › a job is as it was when it was read; status and metadata look again',
    },
  ],
  jobId: [
    {
      what: 'makes a second job of a known id',
      change: { [queues]: { 'if (this.find(id)) return id': '' } },
      caughtBy: 'jobId › is known while it runs, and after its end',
    },
    {
      what: 'has one list of ids for all queues',
      change: {
        [queues]: {
          'this.#queues.get(name) ?? new MemoryQueue()': '[...this.#queues.values()][0] ?? new MemoryQueue()',
        },
      },
      caughtBy: 'jobId › is another job in another queue',
    },
  ],
  'removeOnComplete and removeOnFail': [
    {
      what: 'keeps what is to be gone at its end',
      change: {
        [queues]: {
          'if (keepSeconds === 0) this.#jobs.delete(job.id)': '',
          'if (!job || !isOver(job)) return job':
            'if (!job || job.plan.keepCompletedSeconds === 0 || !isOver(job)) return job',
        },
      },
      caughtBy: 'removeOnComplete and removeOnFail › F45: at age 0 a job is gone at its end, and its jobId free',
    },
    {
      what: 'keeps every ended job for ever',
      change: { [queues]: { 'if (!job || !isOver(job)) return job': 'return job' } },
      caughtBy:
        'removeOnComplete and removeOnFail › F45: after its age a job is unknown to everybody, and its jobId free',
    },
    {
      what: 'takes one age for both ends',
      change: {
        [queues]: {
          "status === 'completed' ? plan.keepCompletedSeconds : plan.keepFailedSeconds": 'plan.keepCompletedSeconds',
          'this.#finish(job, job.plan.keepFailedSeconds)': 'this.#finish(job, job.plan.keepCompletedSeconds)',
        },
      },
      caughtBy: 'removeOnComplete and removeOnFail › each end by its own age',
    },
  ],
  delay: [
    {
      what: 'forgets the delay',
      change: { [queues]: { 'createdAt + plan.delayMs': 'createdAt' } },
      caughtBy: 'delay › holds a job back that long, and not much longer',
    },
    {
      what: 'lets a delayed job hold up the others',
      change: {
        [queues]: {
          'for (const job of due) {':
            'if (due.length < queued.length) return void (this.#alarm = setTimeout(() => this.#handOver(), 50).unref())\n    for (const job of due) {',
        },
      },
      caughtBy: 'delay › holds up no other job',
    },
  ],
  priority: [
    {
      what: 'knows no priority',
      change: { [queues]: { '.sort((a, b) => b.plan.priority - a.plan.priority)': '' } },
      caughtBy: 'priority › the higher one first, below zero last, equals as they were added',
    },
    {
      what: 'hands over equals in no order',
      change: {
        [queues]: {
          '.sort((a, b) => b.plan.priority - a.plan.priority)':
            '.reverse().sort((a, b) => b.plan.priority - a.plan.priority)',
        },
      },
      caughtBy: 'priority › the higher one first, below zero last, equals as they were added',
    },
  ],
  attempts: [
    {
      what: 'allows one attempt more',
      change: { [queues]: { 'job.attemptsOver >= job.plan.attempts': 'job.attemptsOver > job.plan.attempts' } },
      caughtBy: 'attempts › as many as allowed, numbered from 1, and no more',
    },
    {
      what: 'numbers attempts from 0',
      change: { [consumer]: { 'attempt: job.attemptsOver + 1': 'attempt: job.attemptsOver' } },
      caughtBy: 'attempts › as many as allowed, numbered from 1, and no more',
    },
  ],
  backoff: [
    {
      what: 'waits for no time',
      change: { [queues]: { 'Date.now() + backoffMs(job.plan.backoff, job.attemptsOver)': 'Date.now()' } },
      caughtBy: 'backoff › F25: fixed is a minimum, in milliseconds',
    },
    {
      what: 'waits as long each time',
      change: { [queues]: { 'backoffMs(job.plan.backoff, job.attemptsOver)': 'backoffMs(job.plan.backoff, 1)' } },
      caughtBy: 'backoff › F25: exponential doubles with every attempt',
    },
  ],
  fail: [
    {
      what: 'acknowledges what failed',
      change: {
        [consumer]: {
          'if (!held.over) queue.fail(held.job, failure)':
            "if (!held.over) queue.complete(held.job, encodeJobValue(null, 'result'))",
        },
      },
      caughtBy: 'fail › what a handler throws fails the job, and its message is the reason',
    },
    {
      what: 'remembers the reason of an attempt that was followed by a good one',
      change: {
        [service]: {
          "failedReason: status === 'completed' ? undefined : job.failedReason": 'failedReason: job.failedReason',
        },
      },
      caughtBy:
        'fail › the reason of a failed attempt is there while the next one is waited for, and gone once it completed',
    },
  ],
  discard: [
    {
      what: 'tries again what is not to be tried again',
      change: { [queues]: { 'failure.discarded || job.attemptsOver': 'job.attemptsOver' } },
      caughtBy: 'discard › a NonRetryableError fails the job at once, attempts left or not',
    },
  ],
  workers: [
    {
      what: 'hands one job to two',
      change: {
        [queues]: {
          "Object.assign(job, { status: 'active', startedAt: now })\n      taker.take(job)":
            "Object.assign(job, { status: 'active', startedAt: now })\n      taker.take(job)\n      if (this.takers.length > 1) this.takers.find((other) => other !== taker)?.take(job)",
        },
      },
      caughtBy: 'workers › F35: two workers share a queue: each job once, settled by its own outcome',
    },
    {
      what: 'runs more at once than it may',
      change: {
        [consumer]: { 'this.#held.size < this.#options.concurrency': 'this.#held.size <= this.#options.concurrency' },
      },
      caughtBy: 'workers › one at a time by default',
    },
    {
      what: 'runs one at a time whatever it may',
      change: { [consumer]: { 'this.#held.size < this.#options.concurrency': 'this.#held.size < 1' } },
      caughtBy: 'workers › F43: up to concurrency at once, and a slow job holds up no other',
    },
  ],
  'closing while working': [
    {
      what: 'stops without waiting for what is under way',
      change: { [consumer]: { 'await Promise.race([Promise.all(this.#held.values()), over.promise])': '' } },
      caughtBy: 'closing while working › stop waits for what is under way, and takes no more',
    },
    {
      what: 'takes more while it stops',
      change: {
        [consumer]: {
          'async #stop(graceMs: number): Promise<void> {\n    this.#withdraw()':
            'async #stop(graceMs: number): Promise<void> {',
        },
      },
      caughtBy: 'closing while working › stop waits for what is under way, and takes no more',
    },
    {
      what: 'keeps what it left unfinished',
      change: { [consumer]: { 'this.#options.queue.giveBack(job)': 'void job' } },
      caughtBy:
        'closing while working › after the grace the signal aborts, the job goes to another at once, and what comes late is dropped',
    },
    {
      what: 'writes what comes late',
      change: {
        [consumer]: { 'if (!held.over) queue.complete(held.job, result)': 'queue.complete(held.job, result)' },
      },
      caughtBy:
        'closing while working › after the grace the signal aborts, the job goes to another at once, and what comes late is dropped',
    },
  ],
  'a worker that died': [
    {
      what: 'gives the attempt back',
      change: {
        [consumer]: {
          "this.#options.queue.fail(job, { reason: 'the attempt was lost with its worker', discarded: false })":
            'this.#options.queue.giveBack(job)',
        },
      },
      caughtBy: 'a worker that died › has failed the job when that was its last attempt',
    },
    {
      what: 'loses the job',
      change: {
        [consumer]: {
          "for (const job of this.#leave('the worker died')) {":
            "for (const job of this.#leave('the worker died').slice(1)) {",
        },
      },
      caughtBy: 'a worker that died › has lost its attempt: the next one goes to another worker',
    },
  ],
  'status and metadata': [
    {
      what: 'shows a job that waits for its time as waiting',
      change: { [service]: { "job.notBefore > Date.now() ? 'delayed' : 'waiting'": "'waiting' as const" } },
      caughtBy: 'backoff › a job that waits for its next attempt is delayed',
    },
    {
      what: 'does not count the attempt under way',
      change: { [service]: { '(isUnderWayOrDone ? 1 : 0)': '0' } },
      caughtBy: 'status and metadata › metadata tells priority, attempts and times, from the first moment to the end',
    },
  ],
  waitForCompletion: [
    {
      what: 'tells nobody of the end',
      change: { [queues]: { 'for (const watcher of [...this.#watchers]) watcher()': '' } },
      caughtBy: 'waitForCompletion › many wait for one job, and one for many',
    },
    {
      what: 'goes on waiting when its service is closed',
      change: { [service]: { 'AbortSignal.any([signal, this.#closed.signal])': 'signal' } },
      caughtBy: 'waitForCompletion › is over when its service is closed',
    },
  ],
  updateProgress: [
    {
      what: 'forgets it with the attempt',
      change: { [queues]: { 'job.attemptsOver += 1': 'job.attemptsOver += 1\n    job.progress = undefined' } },
      caughtBy: 'updateProgress › outlives a failed attempt and the end of the job',
    },
    {
      what: 'takes progress of an attempt that is over',
      change: { [consumer]: { 'if (held.over)\n          throw': 'if (false)\n          throw' } },
      caughtBy: 'updateProgress › is refused once the attempt is over',
    },
  ],
}
