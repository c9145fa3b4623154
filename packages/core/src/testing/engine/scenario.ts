import type { EngineWorld } from './engine-world.ts'

/** One concern's scenarios, by title. */
export interface ScenarioGroup {
  readonly name: string
  readonly scenarios: Readonly<Record<string, (world: EngineWorld) => Promise<void>>>
}
