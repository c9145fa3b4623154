import { defineQueueServiceTests } from '@pikku/core/testing'
import { describe, test } from 'vitest'
import { openQueues } from './harness.ts'

const reason = 'there is no server that could restart: the file is always there'

defineQueueServiceTests({
  name: 'SQLite',
  runner: { describe, test },
  open: openQueues,
  differences: [
    { test: 'server restart › nothing that was added is lost, and everybody goes on', reason },
    { test: 'server restart › whoever waits for a job is told although the server was away', reason },
  ],
})
