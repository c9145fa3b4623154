// What lies beyond one table and one server, for docs/scaling.md: `node benchmarks/src/scale-out.ts [masters|queues|retention]`.
// Each part starts servers of its own, and takes about a minute.
import { masters } from './scale-out/masters.ts'
import { queueTables } from './scale-out/queues.ts'
import { retention } from './scale-out/retention.ts'

const parts: Readonly<Record<string, () => Promise<string>>> = { masters, queues: queueTables, retention }

const [wanted] = process.argv.slice(2)
if (wanted !== undefined && !(wanted in parts)) {
  console.error(`there is no part '${wanted}'; there are: ${Object.keys(parts).join(', ')}`)
  process.exit(1)
}
for (const [name, part] of Object.entries(parts)) {
  if (wanted === undefined || wanted === name) console.log(`## ${name}\n\n${await part()}\n`)
}
