import type { EngineHarness } from './engine-harness.ts'
import type { ScenarioGroup } from './scenario.ts'
import { promiseScenarios } from './promises.ts'
import { retryScenarios } from './retries.ts'
import { stepScenarios } from './steps.ts'

/** Every scenario of the suite. */
export function scenarioGroups(_harness: EngineHarness): readonly ScenarioGroup[] {
  return [stepScenarios, retryScenarios, promiseScenarios]
}
