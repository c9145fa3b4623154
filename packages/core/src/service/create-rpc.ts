import { WorkflowError } from '../contract/index.ts'
import { loadRegistry, type TypedRpc } from '../define/index.ts'
import { App, assertServices } from './app.ts'
import type { WorkflowService } from './workflow-service.ts'

/**
 * The app's functions and workflows, bound to its services. The generated file exports a typed form of it.
 *
 * @throws `WorkflowError` with code `CONFIGURATION` when the workflow service is bound to another bag already
 * @example
 * const rpc = createRpc(await createSingletonServices())
 * const { runId } = await rpc.startWorkflow('onboarding', { email: 'a@b.c' })
 */
export function createRpc(services: object): TypedRpc {
  assertServices(services, 'createRpc')
  const { workflowService }: { workflowService?: WorkflowService } = services
  workflowService?.bind(services)
  const app = async (): Promise<App> =>
    workflowService ? (await workflowService.app()).app : new App(services, await loadRegistry(), noWorkflows)
  return {
    depth: 0,
    invoke: async (name, ...args) => (await app()).rpc(0).invoke(name, ...args),
    startWorkflow: async (name, ...args) => (await app()).rpc(0).startWorkflow(name, ...args),
  }
}

function noWorkflows(name: string): Promise<never> {
  return Promise.reject(
    new WorkflowError(
      'CONFIGURATION',
      `rpc.startWorkflow('${name}', …): the services have no workflowService; createSingletonServices must return one`,
    ),
  )
}
