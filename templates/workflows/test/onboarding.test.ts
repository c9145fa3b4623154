// #region imports
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { RecordedHistory } from '@pikku/core'
import { crashEverywhere, replayHistory, testWorkflow } from '@pikku/core/testing'
import type { Mailer } from '../src/mailer.js'
import { onboarding } from '../src/workflows/onboarding.js'
// #endregion

const input = { email: 'Ada@example.com' }

// #region test-workflow
test('the welcome mail goes out after five seconds, and a second later if the provider fails', async () => {
  const run = await testWorkflow(onboarding, {
    input,
    rpcs: {
      createUser: () => ({ userId: 'user-of-ada' }),
      sendMail: () => undefined,
    },
    failures: [{ step: 'Send welcome mail', attempt: 1 }],
  })
  assert.equal(run.status, 'completed')
  const mails = run.calls.sendMail.map(({ data, afterMs }) => [data.to, afterMs])
  assert.deepEqual(mails, [
    ['user-of- <ada@example.com>', 5_000],
    ['user-of- <ada@example.com>', 6_000],
  ])
})
// #endregion

// #region crash-everywhere
test('wherever a process dies, there is one user and one mail', async () => {
  const delivered = new Set<string>()
  const mailer: Mailer = {
    async send(_mail, { idempotencyKey }) {
      delivered.add(idempotencyKey)
    },
  }
  const report = await crashEverywhere(onboarding, { input, services: { mailer } })
  assert.equal(report.status, 'completed')
  assert.equal(delivered.size, 1)
  // It computes and does nothing outside. The other steps hand their key on.
  assert.deepEqual(
    report.doubled.map(({ step }) => step),
    ['Pick address'],
  )
})
// #endregion

// #region replay-history
test('runs that are under way in production fit this code', async () => {
  // Written there by: JSON.stringify(await workflowService.exportHistory(runId))
  const file = new URL('histories/onboarding.json', import.meta.url)
  const history: RecordedHistory = JSON.parse(await readFile(file, 'utf8'))
  const { ok, divergence } = await replayHistory(onboarding, history)
  assert.ok(ok, divergence ?? '')
})
// #endregion
