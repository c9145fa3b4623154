import { AsyncLocalStorage } from 'node:async_hooks'
import type { RunId } from '../contract/index.ts'

/** Whose code is running: known across awaits, so that a stray rejection and a misplaced call can be told from others. */
export interface BodyScope {
  readonly runId: RunId
  readonly workflow: string
  /** Inside an inline step's function, where side effects belong. */
  readonly inStep: boolean
  /** The body left a rejection unhandled. */
  readonly onRejection: (error: unknown) => void
}

export const bodyScope = new AsyncLocalStorage<BodyScope | undefined>()

/** Set inside the function of an rpc step, which belongs to no body of this process. */
const rpcStep = new AsyncLocalStorage<boolean>()

/** Work of the engine's own, whoever's code set it off: a body that rings its run lends its scope to nobody. */
export function outsideBodies<T>(work: () => T): T {
  return bodyScope.run(undefined, () => rpcStep.run(false, work))
}

/** Enter an rpc step's function. */
export function insideRpcStep<T>(work: () => T): T {
  return rpcStep.run(true, work)
}

/** Whether whoever calls this is a body or a step, or was called by one: it holds a place that others may wait for. */
export function isInsideRun(): boolean {
  return bodyScope.getStore() !== undefined || rpcStep.getStore() === true
}

/** Answers whether the rejection is one of a body's. */
type Take = (error: unknown) => boolean

/** Those who watch for rejections in this process, and its one listener. */
interface Watch {
  readonly takers: Set<Take>
  readonly onUnhandledRejection: (error: unknown) => void
}

const key = Symbol.for('@pikku/core/rejections')
const holder: typeof globalThis & { [key]?: Watch } = globalThis

/** One per process, also when two copies of this package are loaded: each would take the other's listener for a user's. */
function watch(): Watch {
  return (holder[key] ??= createWatch())
}

function createWatch(): Watch {
  const takers = new Set<Take>()
  const onUnhandledRejection = (error: unknown): void => {
    for (const take of takers) if (take(error)) return
    // Listening at all switched Node's own reaction off for the whole process: without another listener, do as it would.
    if (process.listenerCount('unhandledRejection') === 1) throw error
  }
  return { takers, onUnhandledRejection }
}

/**
 * While any engine runs: a rejection that a workflow's body leaves unhandled fails that run instead of the process (A7).
 * Everybody else's unhandled rejections keep their meaning.
 */
export function watchRejections(): () => void {
  const { takers, onUnhandledRejection } = watch()
  const take: Take = (error) => {
    const scope = bodyScope.getStore()
    scope?.onRejection(error)
    return scope !== undefined
  }
  if (takers.size === 0) process.on('unhandledRejection', onUnhandledRejection)
  takers.add(take)
  return () => {
    if (takers.delete(take) && takers.size === 0) process.off('unhandledRejection', onUnhandledRejection)
  }
}
