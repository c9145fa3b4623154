import { claimRunTests } from './claim-run.ts'
import { codeTests } from './code.ts'
import { commitRunTests } from './commit-run.ts'
import { crashTests } from './crashes.ts'
import { createRunTests } from './create-run.ts'
import { cancelRunTests, familyTests } from './family.ts'
import { lockTests } from './locks.ts'
import { closeTests, nameAndSizeTests } from './names-and-sizes.ts'
import { noticeTests } from './notices.ts'
import { pageTests } from './pages.ts'
import { adminTests, readerTests } from './reader-admin.ts'
import { releaseStepTests } from './release-step.ts'
import { renewTests } from './renew.ts'
import { signalRunTests } from './signal-run.ts'
import { claimStepTests, settleStepTests } from './step.ts'
import { stormTests } from './storms.ts'
import { deathTests, sweepTests } from './sweep.ts'
import type { StoreTestGroup } from './world.ts'

/** Every case of the suite, one group per operation or danger. */
export const storeTestGroups: readonly StoreTestGroup[] = [
  createRunTests,
  claimRunTests,
  crashTests,
  commitRunTests,
  claimStepTests,
  settleStepTests,
  releaseStepTests,
  renewTests,
  signalRunTests,
  cancelRunTests,
  familyTests,
  codeTests,
  sweepTests,
  deathTests,
  nameAndSizeTests,
  pageTests,
  readerTests,
  adminTests,
  noticeTests,
  closeTests,
  stormTests,
  lockTests,
]
