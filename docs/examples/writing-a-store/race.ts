// One of several processes that want the same steps: node race.ts <file> <run> <steps>. Prints the places of those it settled.
import { randomUUID } from 'node:crypto'
import { openSqlite } from './index.ts'

const [file = '', runId = '', steps = '0'] = process.argv.slice(2)
const { store } = openSqlite(file, { synchronous: 'off' })
const who = { owner: `process ${process.pid}`, leaseMs: 60_000, known: ['work'], limit: { max: 1, reason: 'lost' } }
const places: (number | null)[] = []
for (let i = 0; i < Number(steps); i++) {
  const claim = await store.claimStep({ runId, step: { name: `s${i}`, ordinal: 0 }, claimId: randomUUID(), ...who })
  if (!claim) continue
  const settled = await store.settleStep(claim.lease, { kind: 'succeeded', output: '', durationMs: 1 })
  places.push(settled?.settledSeq ?? null)
}
console.log(JSON.stringify(places))
