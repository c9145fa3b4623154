import { addTests, getJobTests } from './adding.ts'
import { closingTests, lostTests, restartTests } from './ending.ts'
import { attemptTests, backoffTests, discardTests, failTests } from './failing.ts'
import { jobIdTests, removalTests } from './keeping.ts'
import { delayTests, priorityTests } from './ordering.ts'
import { progressTests, statusTests, waitTests } from './watching.ts'
import type { QueueTestGroup } from './queue-world.ts'
import { doorbellTests } from './ringing.ts'
import { wiredTests } from './wired.ts'
import { workerTests } from './working.ts'

/** Every case of the kit, one group per operation, option or danger. */
export const queueTestGroups: readonly QueueTestGroup[] = [
  addTests,
  getJobTests,
  statusTests,
  waitTests,
  progressTests,
  failTests,
  discardTests,
  delayTests,
  priorityTests,
  attemptTests,
  backoffTests,
  jobIdTests,
  removalTests,
  workerTests,
  wiredTests,
  closingTests,
  lostTests,
  doorbellTests,
  restartTests,
]
