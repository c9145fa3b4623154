export type { Command, Decision, Outcome, ReplayStep } from './command.ts'
export { createReplay, type Replay, type ReplayPort } from './replay.ts'
export { createWorkflowContext, type BodyContext, type ContextSource } from './workflow-context.ts'
