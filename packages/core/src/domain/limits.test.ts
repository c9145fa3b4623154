import { expect, test } from 'vitest'
import { crashesReason, lostAttemptsReason } from './limits.ts'

test('reasons say what happened and what to do', () => {
  expect(lostAttemptsReason({ name: 'Render video', ordinal: 2 })).toMatchInlineSnapshot(
    `"step 'Render video' (3rd use) lost 10 attempts: each time its worker died, stopped answering while the step ran, or could not read its input. Check that worker for crashes and memory limits, then resume the run"`,
  )
  expect(crashesReason()).toMatchInlineSnapshot(
    `"the process running this workflow died 10 times without the run making progress. Check the workflow function and its inline steps for crashes, then resume the run"`,
  )
})
