import type { Workload } from '../workload.ts'
import { aged } from './aged.ts'
import { inlineCost, rpcCost } from './cost.ts'
import { fanout } from './fanout.ts'
import { growth } from './growth.ts'
import { history, longHistory } from './history.ts'
import { idle, idleBehindPooler } from './idle.ts'
import { latency } from './latency.ts'
import { partitions } from './partitions.ts'
import { frozen, killed, stopped } from './recovery.ts'
import { replay } from './replay.ts'
import { sleep } from './sleep.ts'
import { sleeping } from './sleeping.ts'
import { inline, rpc } from './throughput.ts'

/** In the order of the table. */
export const workloads: readonly Workload[] = [
  inline,
  rpc,
  history,
  longHistory,
  fanout,
  latency,
  sleep,
  killed,
  frozen,
  stopped,
  idle,
  idleBehindPooler,
  sleeping,
  aged,
  replay,
  inlineCost,
  rpcCost,
  ...growth,
  partitions,
]
