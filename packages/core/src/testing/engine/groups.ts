import type { EngineHarness } from './engine-harness.ts'
import type { ScenarioGroup } from './scenario.ts'
import { chaosScenarios } from './chaos.ts'
import { cancelScenarios } from './cancelling.ts'
import { crashPointScenarios } from './crash-points.ts'
import { crashScenarios } from './crashes.ts'
import { deployScenarios } from './deploys.ts'
import { valueScenarios } from './keeping-values.ts'
import { loadScenarios } from './load.ts'
import { observeScenarios } from './observing.ts'
import { plainTimerScenarios } from './plain-timers.ts'
import { promiseScenarios } from './promises.ts'
import { pushScenarios } from './pushes.ts'
import { retryScenarios } from './retries.ts'
import { sharingScenarios } from './sharing.ts'
import { startScenarios } from './starting.ts'
import { stepScenarios } from './steps.ts'
import { stopScenarios } from './stopping.ts'

/** Every scenario of the suite. */
export function scenarioGroups(harness: EngineHarness): readonly ScenarioGroup[] {
  return [
    stepScenarios,
    retryScenarios,
    promiseScenarios,
    plainTimerScenarios,
    cancelScenarios,
    startScenarios,
    valueScenarios,
    deployScenarios,
    crashScenarios,
    sharingScenarios,
    ...(harness.everyCrashPoint === 0 ? [] : [crashPointScenarios(harness)]),
    pushScenarios,
    loadScenarios,
    stopScenarios,
    observeScenarios,
    chaosScenarios,
  ]
}
