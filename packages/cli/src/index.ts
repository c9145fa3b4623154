export { generate, type Generated } from './generate.ts'
export { watch, type Watching } from './watch.ts'
export { formatDiagnostic, type Diagnostic, type Position } from './diagnostics.ts'
export type { Config } from './config/config.ts'
export type {
  AppModel,
  QueueWorkerModel,
  RpcModel,
  StepModel,
  TypePair,
  WorkflowModel,
} from './model/workflow-model.ts'
