import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { test } from 'vitest'
import { Client } from './client.ts'

/** What Node warns of while `act` is under way. */
async function warningsDuring(act: () => Promise<unknown>): Promise<Error[]> {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  await act()
  // A warning is emitted a tick after what it is about.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', onWarning)
  return warnings
}

async function manyAtOnce(client: Client, forMs: number): Promise<void> {
  const deadline = performance.now() + forMs
  const calls = Array.from({ length: 40 }, () => client.send(['PING'], deadline))
  const outcomes = await Promise.allSettled(calls)
  assert.deepEqual(
    outcomes.filter(({ status }) => status === 'fulfilled'),
    [],
  )
}

test('many calls that wait for the server at the same time make no warning of a leak', async () => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  const client = new Client(new Redis({ host: '127.0.0.1', port, lazyConnect: true }), 1_000)
  assert.deepEqual(await warningsDuring(() => manyAtOnce(client, 200)), [])
  client.close()
})

const url = process.env['REDIS_URL'] ?? ''

test('nor do many that a silent server does not answer; the next one is answered on another connection', async () => {
  const client = new Client(new Redis(url, { lazyConnect: true, autoResendUnfulfilledCommands: false }), 200)
  await client.send(['PING'], performance.now() + 5_000)
  // On this connection it says nothing more, to this neither.
  client.raw.call('CLIENT', 'REPLY', 'OFF').catch((error: unknown) => void error)
  assert.deepEqual(await warningsDuring(() => manyAtOnce(client, 1_000)), [])
  const again = (): Promise<unknown> => client.send(['PING'], performance.now() + 5_000)
  // It may still go out on the old connection, as any call does that meets its end.
  assert.equal(await again().catch(again), 'PONG')
  client.close()
})
