import { createRegistry, defineFunction, defineWorkflow } from '@pikku/core'
import type { FunctionConfig, Registry, StepOptions, WorkflowConfig } from '@pikku/core'

/** `WorkflowContext` as loosely typed as these bodies need it. */
interface Context {
  do<T = unknown>(name: string, fn: () => T | PromiseLike<T>, options?: StepOptions): Promise<T>
  do<T = unknown>(name: string, rpcName: string, data?: unknown, options?: StepOptions): Promise<T>
  sleep(name: string, duration: number | string): Promise<void>
  cancel(reason?: string): Promise<never>
}

type Body = (workflow: Context, input: never) => Promise<unknown>

/**
 * Who runs the code: `renamed` is a deploy that does not fit, `doomed` a process that is killed while its functions run,
 * `heir` the version that finds what they left.
 */
export type Process = 'first' | 'renamed' | 'doomed' | 'heir'

const isHeir = (process: Process): boolean => process === 'heir'
const never = (): Promise<never> => new Promise(() => undefined)

function functionsOf(process: Process): Record<string, (data: never, attempt: number) => unknown> {
  const add = (n: number): number => n + 1
  if (process === 'renamed') return { add }
  return {
    add,
    hangs: (n: number) => (isHeir(process) ? n + 1 : never()),
    flaky: (n: number, attempt) => {
      if (attempt === 1) throw Object.assign(new RangeError('not yet'), { at: new Date(0) })
      return n * 10
    },
    echo: (value: unknown) => value,
  }
}

function bodiesOf(process: Process): Record<string, Body> {
  const diverging = (name: string): Body => {
    return async (workflow, n: number) => {
      const two = await workflow.do<number>(name, 'add', n)
      await workflow.sleep('nap', '1s')
      return workflow.do('last', 'add', two)
    }
  }
  if (process === 'first') return { diverging: diverging('one') }
  if (process === 'renamed') return { diverging: diverging('renamed') }
  const others = { ...waiting, ...failing(process), ...hanging(process), ...ending }
  return isHeir(process) ? { ...others, diverging: diverging('one') } : others
}

const waiting: Record<string, Body> = {
  sleeping: async (workflow, n: number) => {
    const two = await workflow.do<number>('first', 'add', n)
    await workflow.sleep('nap', '1min')
    return workflow.do('last', 'add', two)
  },
  loop: async (workflow, n: number) => {
    let sum = n
    for (let i = 0; i < 4; i += 1) {
      sum = await workflow.do<number>('same', 'add', sum)
      if (i === 2) await workflow.sleep('nap', '1min')
    }
    return sum
  },
  rich: async (workflow, input: unknown) => {
    const back = await workflow.do('echo', 'echo', input)
    await workflow.sleep('nap', '1min')
    return back
  },
}

function failing(process: Process): Record<string, Body> {
  let failures = isHeir(process) ? 0 : 1
  return {
    retry: async (workflow, n: number) => workflow.do('flaky', 'flaky', n, { retries: 2, retryDelay: '1min' }),
    'inline retry': async (workflow, n: number) =>
      workflow.do(
        'here',
        () => {
          if (failures-- > 0) throw new Error('not yet')
          return n * 2
        },
        { retries: 1, retryDelay: '1min' },
      ),
  }
}

function hanging(process: Process): Record<string, Body> {
  return {
    'inline running': async (workflow, n: number) => {
      const two = await workflow.do('quick', () => n + 1)
      return workflow.do('hanging here', () => (isHeir(process) ? two + 1 : never()))
    },
    race: async (workflow, n: number) => {
      const first = await Promise.race([
        workflow.do('hanging', 'hangs', n).then(() => 'the step'),
        workflow.sleep('limit', '1min').then(() => 'the limit'),
      ])
      return workflow.do('after', () => first.startsWith('the'))
    },
    'un-awaited': async (workflow, n: number) => {
      void workflow.do('hanging', 'hangs', n)
      return workflow.do('awaited', 'add', n)
    },
    fan: async (workflow, n: number) => {
      const all = await Promise.all(Array.from({ length: n }, (_, at) => workflow.do<number>('member', 'hangs', at)))
      return all.reduce((sum, one) => sum + one, 0)
    },
  }
}

const ending: Record<string, Body> = {
  completes: async (workflow, n: number) => workflow.do('first', 'add', n),
  fails: async (workflow, n: number) => {
    await workflow.do('first', 'add', n)
    throw new TypeError('not this one')
  },
  cancels: async (workflow) => workflow.cancel('not wanted'),
}

/** The app as this process has it. */
export function registryOf(process: Process): Registry {
  const functions = Object.entries(functionsOf(process)).map(([name, func]) => {
    const called = ({ workflowStep }: { workflowStep?: { attemptCount: number } }, data: unknown): unknown =>
      func(data as never, workflowStep?.attemptCount ?? 1)
    return [name, defineFunction({ func: called as never }) as FunctionConfig] as const
  })
  const workflows = Object.entries(bodiesOf(process)).map(([name, body]) => {
    const called = ({ workflow }: { workflow: Context }, input: unknown): unknown => body(workflow, input as never)
    // What tells one code from another is the function's text.
    Object.defineProperty(called, 'toString', { value: () => `${process} ${name}` })
    return { name, func: defineWorkflow({ func: called as never }) as WorkflowConfig }
  })
  return createRegistry({ functions: Object.fromEntries(functions), workflows })
}

const richInput = {
  when: new Date('2026-01-02T03:04:05.678Z'),
  counts: new Map([['a', 1n]]),
  bytes: new Uint8Array([0, 255]),
  nothing: undefined,
  text: 'a\u0000b',
}

/** A run that is left half-finished, or ended, and what it comes to in the end. */
export interface HalfFinished {
  readonly workflow: string
  readonly input: unknown
  readonly status: 'completed' | 'failed' | 'cancelled'
  readonly output?: unknown
  readonly message?: string
  /** Steps by name and status when the process is killed; `member` stands for each of its uses. */
  readonly left: readonly string[]
  /** Attempts in the history at the end. */
  readonly attempts: readonly string[]
}

export const halfFinished: Readonly<Record<string, HalfFinished>> = {
  diverging: {
    workflow: 'diverging',
    input: 1,
    status: 'completed',
    output: 3,
    left: ['one succeeded', 'nap succeeded'],
    attempts: ['one 1 succeeded', 'last 1 succeeded'],
  },
  sleeping: {
    workflow: 'sleeping',
    input: 1,
    status: 'completed',
    output: 3,
    left: ['first succeeded', 'nap scheduled'],
    attempts: ['first 1 succeeded', 'last 1 succeeded'],
  },
  loop: {
    workflow: 'loop',
    input: 1,
    status: 'completed',
    output: 5,
    left: ['same succeeded', 'same succeeded', 'same succeeded', 'nap scheduled'],
    attempts: ['same 1 succeeded', 'same 1 succeeded', 'same 1 succeeded', 'same 1 succeeded'],
  },
  retry: {
    workflow: 'retry',
    input: 4,
    status: 'completed',
    output: 40,
    left: ['flaky scheduled'],
    attempts: ['flaky 1 failed', 'flaky 2 succeeded'],
  },
  'inline retry': {
    workflow: 'inline retry',
    input: 4,
    status: 'completed',
    output: 8,
    left: ['here scheduled'],
    attempts: ['here 1 failed', 'here 2 succeeded'],
  },
  'inline running': {
    workflow: 'inline running',
    input: 4,
    status: 'completed',
    output: 6,
    left: ['quick succeeded'],
    attempts: ['quick 1 succeeded', 'hanging here 1 succeeded'],
  },
  race: {
    workflow: 'race',
    input: 4,
    status: 'completed',
    output: true,
    left: ['hanging running', 'limit scheduled'],
    attempts: ['hanging 1 failed', 'hanging 2 succeeded', 'after 1 succeeded'],
  },
  'un-awaited': {
    workflow: 'un-awaited',
    input: 4,
    status: 'completed',
    output: 5,
    left: ['hanging running', 'awaited succeeded'],
    attempts: ['awaited 1 succeeded', 'hanging 1 failed', 'hanging 2 succeeded'],
  },
  rich: {
    workflow: 'rich',
    input: richInput,
    status: 'completed',
    output: richInput,
    left: ['echo succeeded', 'nap scheduled'],
    attempts: ['echo 1 succeeded'],
  },
  completed: {
    workflow: 'completes',
    input: 4,
    status: 'completed',
    output: 5,
    left: ['first succeeded'],
    attempts: ['first 1 succeeded'],
  },
  failed: {
    workflow: 'fails',
    input: 4,
    status: 'failed',
    message: 'not this one',
    left: ['first succeeded'],
    attempts: ['first 1 succeeded'],
  },
  cancelled: { workflow: 'cancels', input: 4, status: 'cancelled', message: 'not wanted', left: [], attempts: [] },
  'cancelled from outside': {
    workflow: 'sleeping',
    input: 4,
    status: 'cancelled',
    message: 'no longer wanted',
    left: ['first succeeded', 'nap scheduled'],
    attempts: ['first 1 succeeded'],
  },
  // The last but one to be started: a process runs 20 steps at once, so some of these are left waiting for a worker.
  fan: {
    workflow: 'fan',
    input: 25,
    status: 'completed',
    output: 325,
    left: [
      ...Array.from({ length: 18 }, () => 'member running'),
      ...Array.from({ length: 7 }, () => 'member scheduled'),
    ],
    attempts: [
      ...Array.from({ length: 18 }, () => ['member 1 failed', 'member 2 succeeded']).flat(),
      ...Array.from({ length: 7 }, () => 'member 1 succeeded'),
    ],
  },
  // Started when every process is dead: nobody has claimed it.
  'only started': {
    workflow: 'completes',
    input: 7,
    status: 'completed',
    output: 8,
    left: [],
    attempts: ['first 1 succeeded'],
  },
}
