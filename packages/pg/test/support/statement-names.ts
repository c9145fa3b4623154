import { openSchema } from '../../src/schema.ts'
import type { Statement } from '../../src/driver.ts'
import { cancelRun } from '../../src/sql/cancel-run.ts'
import { claimRun } from '../../src/sql/claim-run.ts'
import { claimStep } from '../../src/sql/claim-step.ts'
import { commitRun } from '../../src/sql/commit-run.ts'
import { createRun } from '../../src/sql/create-run.ts'
import { deleteRuns } from '../../src/sql/delete-runs.ts'
import { enlist, holdLock } from '../../src/sql/enlist.ts'
import { publish } from '../../src/sql/publish.ts'
import { readChanges } from '../../src/sql/read-changes.ts'
import { readInput } from '../../src/sql/read-input.ts'
import { getRuns, listAttempts, listRuns, listSteps } from '../../src/sql/read-runs.ts'
import { recordSteps } from '../../src/sql/record-steps.ts'
import { releaseStep } from '../../src/sql/release-step.ts'
import { renewLeases } from '../../src/sql/renew-leases.ts'
import { resumeRun } from '../../src/sql/resume-run.ts'
import { settleStep } from '../../src/sql/settle-step.ts'
import { signalRun } from '../../src/sql/signal-run.ts'
import { sweep } from '../../src/sql/sweep.ts'

/** The name of the operation that a statement text of this schema belongs to; of any other text its beginning. */
export function statementNames(schemaName: string): (text: string) => string {
  const schema = openSchema(schemaName)
  const alone = [cancelRun, releaseStep, resumeRun, signalRun]
  const eitherWay = [claimRun, commitRun, claimStep, settleStep, ...alone]
  const one = [createRun, deleteRuns, enlist, readChanges, readInput, getRuns, listAttempts, listSteps]
  const more = [recordSteps, renewLeases, sweep]
  const statements: Statement[] = [
    ...eitherWay.map((make) => make(schema, false)),
    ...[...one, ...more].map((make) => make(schema)),
    ...(['all', 'workflow', 'tags'] as const).map((by) => listRuns(schema, by)),
    holdLock,
    publish,
  ]
  const names = new Map(statements.map(({ name, text }) => [text, name]))
  for (const make of eitherWay) {
    const { name, text } = make(schema, true)
    names.set(text, `${name}, waiting`)
  }
  return (text) => names.get(text) ?? text.trim().slice(0, 60)
}

/** How often each was executed. */
export function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
