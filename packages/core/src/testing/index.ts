export { resetRegistry } from '../define/index.ts'
export { checkRunLaws, LawBook } from './invariants.ts'
export { seededRandom } from './random.ts'
export type { Random } from './random.ts'
export type { OpenStore, Skip, StoreHarness, TestRunner } from './store-harness.ts'
export type { Difference, OpenQueues, QueueHarness } from './queue-harness.ts'
export { defineQueueServiceTests, queueTestTitles } from './queue-service-suite.ts'
export type { QueueTestTitle } from './queue-service-suite.ts'
export { TestClock } from './test-clock.ts'
export { crashEverywhere, replayHistory, testWorkflow } from './workflow/index.ts'
export type {
  CrashReport,
  Mock,
  MockCall,
  Mocks,
  RecordedCall,
  RecordedCalls,
  RepeatedStep,
  ReplayedHistory,
  StepChoice,
  StepFailure,
  TestableWorkflow,
  TestedRun,
  TestOptions,
  TimelineEntry,
  TimelineEvent,
} from './workflow/index.ts'
export { defineWorkflowStoreTests } from './workflow-store-suite.ts'
export { defineModelTests } from './model-suite.ts'
export type { ModelHarness } from './model-suite.ts'
export { defineEngineTests } from './engine/engine-suite.ts'
export type { EngineHarness, OpenEngine, OpenProcess } from './engine/engine-harness.ts'
export {
  MemoryDoorbell,
  MemoryNotices,
  memoryPorts,
  MemoryQueues,
  MemoryQueueService,
  MemoryStore,
  MemoryTables,
} from '../memory/index.ts'
