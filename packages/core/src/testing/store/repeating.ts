import { WorkflowError } from '../../contract/index.ts'
import type { WorkflowStore } from '../../contract/index.ts'

/**
 * A store whose every answer is lost once: each call is made twice with the same arguments, and the caller gets the
 * second answer. Where the first one tells what only it can tell (created, accepted, cancelled), the first.
 */
export function repeating(store: WorkflowStore): WorkflowStore {
  const twice = async <T>(call: () => Promise<T>): Promise<T> => {
    await call()
    return call()
  }
  const once = async <T>(call: () => Promise<T>): Promise<T> => {
    const first = await call()
    await call()
    return first
  }
  return {
    createRun: (run) => once(() => store.createRun(run)),
    claimRun: (ask) => twice(() => store.claimRun(ask)),
    commitRun: async (lease, turn) => {
      const first = await store.commitRun(lease, turn)
      try {
        return await store.commitRun(lease, turn)
      } catch (error) {
        // Released by the first and taken by another before the second: its holder is gone as it wished.
        if (first.released && WorkflowError.is(error, 'LEASE_LOST')) return first
        throw error
      }
    },
    readChanges: (runId, after) => twice(() => store.readChanges(runId, after)),
    claimStep: (ask) => twice(() => store.claimStep(ask)),
    settleStep: async (lease, outcome) => {
      const first = await store.settleStep(lease, outcome)
      const second = await store.settleStep(lease, outcome)
      // The run may have ended in between, by this very settlement.
      return second ?? first
    },
    releaseStep: (lease, how) => twice(() => store.releaseStep(lease, how)),
    renewLeases: (leases, leaseMs) => twice(() => store.renewLeases(leases, leaseMs)),
    signalRun: (signal) => once(() => store.signalRun(signal)),
    cancelRun: (runId, reason) => once(() => store.cancelRun(runId, reason)),
    sweep: (ask) => store.sweep(ask),
    enlist: (owner) => twice(() => store.enlist(owner)),
    capabilities: store.capabilities,
    close: () => store.close(),
  }
}
