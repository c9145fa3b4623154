export type { Command, Decision, EncodedInput, Outcome, ReplayStep, StepRequestOptions } from './command.ts'
export { createReplay, type Replay, type ReplayEnv, type ReplayPort } from './replay.ts'
export { createWorkflowContext, type BodyContext, type ContextSource } from './workflow-context.ts'
