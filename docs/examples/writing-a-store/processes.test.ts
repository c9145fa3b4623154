import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { openSqlite } from './index.ts'

// The kit's processes share one event loop, where a transaction of SQLite is never interrupted. These do not.
test('three processes that want the same steps of one run settle each of them once', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sqlite-store-'))
  const file = path.join(folder, 'store.db')
  const { store, admin } = openSqlite(file, { synchronous: 'off' })
  onTestFinished(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  await admin.migrate()
  const runId = 'contended'
  await store.createRun({ runId, workflow: 'order', input: '', inputDigest: '', tags: [] })
  const known = [{ name: 'order', codeHash: 'code' }]
  const limit = { max: 1, reason: 'crashed' }
  const claim = await store.claimRun({ runId, owner: 'me', claimId: 'c', leaseMs: 60_000, known, after: 0, limit })
  if (!claim || 'ended' in claim) throw new Error('the run could not be claimed')
  const steps = 150
  const rpc = { kind: 'rpc', askedAfter: 0, rpcName: 'work', input: '', inputDigest: '' } as const
  const schedule = Array.from({ length: steps }, (_, i) => {
    return { ...rpc, id: { name: `s${i}`, ordinal: 0 }, policy: { retries: 0, retryDelayMs: 0 } }
  })
  const turn = { number: 1, after: 0, codeHash: 'code', schedule, record: [] }
  await store.commitRun(claim.lease, { ...turn, next: { kind: 'park', wakeSeq: claim.history.wakeSeq } })

  const race = path.join(import.meta.dirname, 'race.ts')
  const args = ['--conditions=pikku-source', race, file, runId, String(steps)]
  const racers = Array.from({ length: 3 }, () => promisify(execFile)(process.execPath, args))
  const places = (await Promise.all(racers)).map(({ stdout }) => JSON.parse(stdout) as (number | null)[])

  expect(places.flat()).toHaveLength(steps)
  expect(new Set(places.flat()).size).toBe(steps)
  expect(places.flat()).not.toContain(null)
})
