import type { EngineHarness } from './engine-harness.ts'
import type { ScenarioGroup } from './scenario.ts'
import { cancelScenarios } from './cancelling.ts'
import { deployScenarios } from './deploys.ts'
import { valueScenarios } from './keeping-values.ts'
import { promiseScenarios } from './promises.ts'
import { retryScenarios } from './retries.ts'
import { startScenarios } from './starting.ts'
import { stepScenarios } from './steps.ts'

/** Every scenario of the suite. */
export function scenarioGroups(_harness: EngineHarness): readonly ScenarioGroup[] {
  return [
    stepScenarios,
    retryScenarios,
    promiseScenarios,
    cancelScenarios,
    startScenarios,
    valueScenarios,
    deployScenarios,
  ]
}
