import { describe, test } from 'vitest'
import { defineModelTests, defineWorkflowStoreTests } from '@pikku/core/testing'
import type { RedisLink, Reply } from '../src/connection.ts'
import { openLinked } from './link-harness.ts'

/** A sweep stamps what it hands out: what was lost with its answer is rung again later. Deletions are counted. */
const notRepeated = new Set(['sweep', 'delete-run'])

/** As with a connection that breaks each time before the answer comes: every script runs twice, the second answer is heard. */
function loseFirstAnswers(link: RedisLink): void {
  const call = link.call.bind(link)
  link.call = async (script, bucket, args): Promise<Reply> => {
    if (!notRepeated.has(script)) await call(script, bucket, args)
    return call(script, bucket, args)
  }
}

const open = (): ReturnType<typeof openLinked> => openLinked(loseFirstAnswers)
const harness = { name: 'redis, every answer lost once', runner: { describe, test }, open }
defineWorkflowStoreTests(harness)
defineModelTests(harness)
