import type { Run, StepDetail } from '../../contract/index.ts'
import type { Payloads } from '../../engine/payloads.ts'
import type { Decision } from '../../replay/index.ts'
import { replayBody } from '../replay-body.ts'
import { Ledger } from './ledger.ts'
import { registryOf, type TestApp, type Trace } from './test-app.ts'

interface Final {
  readonly run: Run
  readonly steps: readonly StepDetail[]
  readonly app: TestApp
  readonly payloads: Payloads
}

/** What the code decides when it is given a run's final history, and what its body was given on the way. */
export async function replayFinal(final: Final): Promise<{ decision: Decision; given: readonly unknown[] }> {
  const { run, steps, app, payloads } = final
  const traces = new Map<string, Trace[]>()
  const registry = registryOf(app, { ledger: new Ledger(), traces })
  const decision = await replayBody({ run, steps, registry, payloads, services: {} })
  return { decision, given: traces.get(run.runId)?.[0]?.given ?? [] }
}
