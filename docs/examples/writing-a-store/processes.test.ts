import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { openSqlite } from './index.ts'

async function openFile() {
  const folder = mkdtempSync(path.join(tmpdir(), 'sqlite-store-'))
  const file = path.join(folder, 'store.db')
  const ports = openSqlite(file, { synchronous: 'off' })
  onTestFinished(async () => {
    await ports.store.close()
    rmSync(folder, { recursive: true })
  })
  await ports.admin.migrate()
  return { file, ...ports }
}

const newRun = { workflow: 'order', input: '', inputDigest: '', tags: [] }

// The kit's processes share one event loop, where a transaction of SQLite is never interrupted. These do not.
test('three processes that want the same steps of one run settle each of them once', async () => {
  const { file, store } = await openFile()
  const runId = 'contended'
  await store.createRun({ ...newRun, runId })
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

test('a file that a newer version has taken is refused, also while this one runs', async () => {
  const { file, store, reader, admin } = await openFile()
  await store.createRun({ ...newRun, runId: 'before' })
  const newer = new DatabaseSync(file)
  newer.exec('pragma user_version = 2')
  newer.close()
  for (const call of [store.createRun({ ...newRun, runId: 'after' }), reader.getRun('before'), admin.migrate()]) {
    await expect(call).rejects.toMatchObject({ code: 'SCHEMA_TOO_NEW' })
  }
})
