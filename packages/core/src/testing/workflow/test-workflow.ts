import type { WorkflowConfig } from '../../define/index.ts'
import type { TestableWorkflow, TestedRun, TestOptions } from './types.ts'
import { WorkflowWorld, type AnyOptions } from './workflow-world.ts'

/**
 * Runs a workflow once, on the real engine over a store in memory, in virtual time: a sleep of years is over as soon as
 * nothing else is to be done, and so are the delays between attempts. Resolves however the run ends. Time that passes
 * outside (a request, a timer of a function's own) is not virtual: while such a thing is under way, virtual time waits a
 * tenth of a second for it.
 *
 * @throws `WorkflowError` with code `CONFIGURATION` for a function that is called and has no mock, or a bad option; what
 *   `rpc.startWorkflow` throws for a bad input; `WAIT_TIMEOUT` when nothing brings the run on any more
 * @example
 * const run = await testWorkflow(onboarding, {
 *   input: { email: 'ada@example.com' },
 *   rpcs: { createUser: () => ({ userId: 'u1' }), sendMail: () => undefined },
 *   failures: [{ step: 'Send welcome mail', attempt: 1 }],
 * })
 * assert.equal(run.status, 'completed')
 * assert.equal(run.calls.sendMail.length, 2)
 */
export async function testWorkflow<In, Out, Bag extends object, Rpcs, Workflows>(
  workflow: TestableWorkflow<In, Out, Bag, Rpcs, Workflows>,
  options: TestOptions<NoInfer<In>, NoInfer<Bag>, NoInfer<Rpcs>>,
): Promise<TestedRun<Out, Rpcs>> {
  const world = await WorkflowWorld.open(workflow as WorkflowConfig, options as AnyOptions)
  // The workflow's own types: what it was called with and what it came to.
  return (await world.play()) as unknown as TestedRun<Out, Rpcs>
}
