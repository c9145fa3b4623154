import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { test } from 'vitest'
import { Client } from './client.ts'

test('many calls that wait for the server at the same time make no warning of a leak', async () => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  const client = new Client(new Redis({ host: '127.0.0.1', port, lazyConnect: true }), 1_000)
  const deadline = performance.now() + 200
  const calls = Array.from({ length: 40 }, () => client.send(['PING'], deadline))
  const outcomes = await Promise.allSettled(calls)
  client.close()
  // A warning is emitted a tick after what it is about.
  await new Promise((resolve) => setTimeout(resolve, 10))
  process.off('warning', onWarning)
  assert.deepEqual(
    outcomes.filter(({ status }) => status === 'fulfilled'),
    [],
  )
  assert.deepEqual(warnings, [])
})
