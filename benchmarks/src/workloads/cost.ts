import type { Figures } from '../results.ts'
import type { Size } from '../sizes.ts'
import type { Turn } from '../stage.ts'
import type { Workload } from '../workload.ts'
import { warmUp } from './waves.ts'

interface Meter {
  readonly clientCpuMs: number
  readonly serverCpuMs: number | null
  readonly walBytes: number
  readonly tableBytes: number
  readonly memoryBytes: number
}

async function readMeter({ stage, system, players, database }: Turn): Promise<Meter> {
  const usages = await Promise.all(players.map((player) => player.usage()))
  const clientCpuMs = usages.reduce((sum, { cpuMs }) => sum + cpuMs, 0)
  if (system.store === 'redis') {
    const [serverCpuMs, memoryBytes] = [await stage.redis.cpuMs(), await stage.redis.usedBytes()]
    return { clientCpuMs, serverCpuMs, memoryBytes, walBytes: 0, tableBytes: 0 }
  }
  const [walBytes, tableBytes] = [await stage.pg.walBytes(), await stage.pg.sizeOf(database)]
  return { clientCpuMs, serverCpuMs: stage.pg.cpuMs(), memoryBytes: 0, walBytes, tableBytes }
}

/** What a step costs, its share of the run and of its messages included. */
async function costOf(turn: Turn, { runs, steps, warmMs }: Size, work: 'inline' | 'rpc'): Promise<Figures> {
  const player = work === 'inline' ? await turn.start('alone') : await turn.startPair()
  const many = { work, input: { n: steps }, times: runs, atOnce: turn.atOnce(runs) }
  // After the checkpoint before each turn the first write to a page is logged with the whole page: not ours to count.
  await warmUp(player, many, warmMs)
  const before = await readMeter(turn)
  await player.play(many)
  const after = await readMeter(turn)
  const perStep = (of: (meter: Meter) => number): number => (of(after) - of(before)) / (runs * steps)
  return {
    clientCpuMsPerStep: perStep(({ clientCpuMs }) => clientCpuMs),
    ...(after.serverCpuMs === null ? {} : { serverCpuMsPerStep: perStep(({ serverCpuMs }) => serverCpuMs ?? 0) }),
    ...(turn.system.store === 'redis'
      ? { memoryBytesPerStep: perStep(({ memoryBytes }) => memoryBytes) }
      : { walBytesPerStep: perStep(({ walBytes }) => walBytes), tableBytesPerStep: perStep((m) => m.tableBytes) }),
  }
}

function cost(work: 'inline' | 'rpc'): Workload {
  const name = `cost-${work}`
  const title = work === 'inline' ? 'an inline step' : 'an RPC step through the queue'
  const row = { name, title, better: 'less' } as const
  return {
    group: 'cost',
    rows: [
      { ...row, figure: 'clientCpuMsPerStep', unit: 'ms CPU, clients' },
      { ...row, figure: 'serverCpuMsPerStep', unit: 'ms CPU, server' },
      { ...row, figure: 'walBytesPerStep', unit: 'bytes of WAL' },
      { ...row, figure: 'tableBytesPerStep', unit: 'bytes of tables and indexes' },
      { ...row, figure: 'memoryBytesPerStep', unit: 'bytes of memory' },
    ],
    takes: ({ name: system }) => system === 'pikku' || system === 'dbos' || system === 'floor',
    repetitions: ({ costRepetitions }) => costRepetitions,
    measure: async (turn, size) => ({ [name]: [await costOf(turn, size, work)] }),
  }
}

export const inlineCost = cost('inline')
export const rpcCost = cost('rpc')
