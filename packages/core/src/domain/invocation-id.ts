import { v5 } from 'uuid'
import type { RunId, StepId } from '../contract/records.ts'
import { stepKey } from './step-id.ts'

// Part of what is promised: the ids of a run must come out the same after an upgrade. Never change it.
const NAMESPACE = 'b3c6f5f2-6c1d-4a8e-9d0e-5f0c2a7e41d3'

/** The same UUID for all attempts of a step, different for different steps: an idempotency key for the outside world. */
export function invocationId(runId: RunId, step: StepId): string {
  // The run id's length comes first, so that no run id can run over into a step's name.
  return v5(new TextEncoder().encode(`${runId.length}:${runId}${stepKey(step)}`), NAMESPACE)
}
