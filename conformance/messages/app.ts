import { registerApp, registerWorkflow, type FunctionConfig, type WorkflowConfig } from '@pikku/core'
import { defineFunction, defineWorkflow, type WorkflowContext } from '@pikku/core'
import * as v from 'valibot'
import { z } from 'zod'

/** What a body of this app is asked to do with its context, by the test. */
export type Play = (workflow: WorkflowContext, wire: { rpc: PlayRpc }) => unknown

interface PlayRpc {
  invoke(name: string, data?: unknown): Promise<unknown>
  startWorkflow(name: string, input?: unknown): Promise<unknown>
}

const plays = new Map<string, Play>()

/** Let workflow `play` do this when it is started with `name` as its input. */
export function play(name: string, body: Play): void {
  plays.set(name, body)
}

export class User {
  name = 'Ada'
}

const functions: Record<string, FunctionConfig> = {
  createUser: asFunction({ func: (_services, data) => data, input: z.object({ email: z.email(), age: z.number() }) }),
  sendEmail: asFunction({
    func: (_services, data) => data,
    input: v.object({ to: v.pipe(v.string(), v.email()), lines: v.array(v.string()) }),
  }),
  echo: asFunction({ func: (_services, data) => data }),
  leak: asFunction({ func: (_services, data) => (data === 'function' ? { user: { save: () => 1 } } : new User()) }),
  fill: asFunction({ func: (_services, data) => 'x'.repeat(Number(data)) }),
  wrongResult: asFunction({ func: () => ({ id: 7 }), output: z.object({ id: z.string() }) }),
}

function asFunction(options: Parameters<typeof defineFunction>[0]): FunctionConfig {
  return defineFunction(options) as FunctionConfig
}

function asWorkflow(options: Parameters<typeof defineWorkflow>[0]): WorkflowConfig {
  return defineWorkflow(options) as WorkflowConfig
}

/** What the generated file of an app does, and what its modules do. */
export function registerTestApp(): void {
  registerApp({
    queues: { orchestrator: 'pikku-workflow-orchestrator', worker: 'pikku-workflow-step-worker' },
    load: async () => ({ functions }),
  })
  const signUp = z.object({ email: z.email(), address: z.object({ zip: z.string() }) })
  const order = v.object({ amount: v.pipe(v.number(), v.minValue(1)) })
  registerWorkflow({ name: 'onboarding', func: asWorkflow({ func: () => 'done', input: signUp }) })
  registerWorkflow({ name: 'order', func: asWorkflow({ func: () => 'done', input: order }) })
  registerWorkflow({ name: 'echo', func: asWorkflow({ func: (_services, input) => input }) })
  registerWorkflow({
    name: 'play',
    func: asWorkflow({
      func: async (services, input) => {
        const { workflow, rpc } = services as unknown as { workflow: WorkflowContext; rpc: PlayRpc }
        return plays.get(String(input))?.(workflow, { rpc })
      },
    }),
  })
}
