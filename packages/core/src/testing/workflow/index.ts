export { crashEverywhere } from './crash-everywhere.ts'
export { replayHistory } from './replay-history.ts'
export { testWorkflow } from './test-workflow.ts'
export type * from './types.ts'
