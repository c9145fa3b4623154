import fs from 'node:fs'
import type { Arguments } from './cli.ts'
import { readEnvironment } from './environment.ts'
import { installPeers } from './peers.ts'
import { markdownOf } from './report/markdown.ts'
import { writeReport } from './report/write.ts'
import type { Report } from './results.ts'
import { runAll } from './run.ts'
import { Stage } from './stage.ts'
import { systemsFor } from './systems.ts'
import { workloads } from './workloads/index.ts'

/** Where what there is to read goes: what happens, and the tables in the end. */
export interface Output {
  readonly say: (line: string) => void
  readonly print: (tables: string) => void
}

/** Measures what was asked for, prints the tables and writes the files. */
export async function bench(args: Arguments, { say, print }: Output): Promise<Report> {
  const { size, only, stores, peers, json, write } = args
  if (peers.length > 0 || write) installPeers(say)
  const chosen = workloads.filter(({ group }) => only.includes(group))
  const before = readEnvironment()
  const start = performance.now()
  const stage = await Stage.open(stores)
  try {
    const results = await runAll(stage, { workloads: chosen, systems: systemsFor(stores, peers), size, say })
    const minutes = Math.round((performance.now() - start) / 6_000) / 10
    const report: Report = { environment: { ...before, ...stage.versions, size: size.name, minutes }, results }
    if (json !== null) fs.writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
    print(markdownOf(report))
    if (write) await writeReport(report)
    return report
  } finally {
    await stage.close()
  }
}
