import { setTimeout as delay } from 'node:timers/promises'
import type { Player } from '../player.ts'
import type { Played, Work } from '../programs/protocol.ts'
import type { Figures } from '../results.ts'
import type { Size } from '../sizes.ts'
import type { Turn } from '../stage.ts'
import { spreadOf } from '../statistics.ts'
import type { System } from '../systems.ts'
import { isOurs, type Workload } from '../workload.ts'

interface Loss {
  readonly work: Work
  readonly signal: NodeJS.Signals
  /** When the first worker is in the middle of all runs. */
  inTheMiddle(first: Player, runs: number): Promise<void>
  /** When a run went on, of what its client was told. */
  wentOnAt(end: Played['ends'][number]): number
}

const hanging: Omit<Loss, 'signal'> = {
  work: 'hang',
  inTheMiddle: async (first, runs) => {
    const deadline = Date.now() + 30_000
    while (first.entered < runs) {
      if (Date.now() > deadline) throw new Error(`${first.entered} of ${runs} runs were taken up within 30 s`)
      await delay(20)
    }
  },
  wentOnAt: ({ at }) => at,
}

/** All runs are with one worker, a second one waits; then the first is lost. How long until each run goes on, in ms. */
async function lose(turn: Turn, size: Size, { work, signal, inTheMiddle, wentOnAt }: Loss): Promise<Figures> {
  const runs = size.recoveryRuns
  const first = await turn.start('first')
  const client = await turn.start('client')
  const playing = client.play({ work, input: {}, times: runs, atOnce: runs })
  await Promise.race([inTheMiddle(first, runs), playing])
  await turn.start('worker')
  // At any moment between two of its looks around.
  await delay(1_000 + Math.random() * 1_000)
  const lostAt = Date.now()
  first.signal(signal)
  const played = await Promise.race([playing, delay(size.recoveryLimitMs, null, { ref: false })])
  // Whoever waits in vain goes with its process.
  playing.catch(() => undefined)
  if (!played) throw new Error(`not all of ${runs} runs were done ${size.recoveryLimitMs / 1000} s later`)
  const { median, max } = spreadOf(played.ends.map((end) => wentOnAt(end) - lostAt))
  return { p50Ms: median, maxMs: max }
}

/** What everybody can know at the earliest: when the server has seen the connections of a killed process go, in ms. */
async function connectionsGone(turn: Turn): Promise<Figures> {
  const { stage, system, database } = turn
  const connections = () => (system.store === 'pg' ? stage.pg.connectionsTo(database) : stage.redis.connections())
  const first = await turn.start('first')
  await first.play({ work: 'inline', input: { n: 1 }, times: 1, atOnce: 1 })
  if ((await connections()) === 0) throw new Error('there was no connection that could go')
  const lostAt = performance.now()
  first.signal('SIGKILL')
  while ((await connections()) > 0) await delay(1)
  const ms = performance.now() - lostAt
  return { p50Ms: ms, maxMs: ms }
}

/** A peer's takes up to the limit, whatever it is: once says enough. */
const kills = (size: Size, system: System): number => (isOurs(system) || system.name === 'floor' ? size.kills : 1)
const losses = (size: Size): number => size.waitingRepetitions

export const killed: Workload = {
  group: 'recovery',
  rows: [
    {
      name: 'recovery',
      title: 'a worker killed with SIGKILL: its runs continue elsewhere after, p50',
      figure: 'p50Ms',
      unit: 's',
      scale: 0.001,
      better: 'less',
      targets: { pg: { limit: 1.5 }, redis: { limit: 1.5 } },
    },
    {
      name: 'recovery',
      title: 'the same, the last of them',
      figure: 'maxMs',
      unit: 's',
      scale: 0.001,
      better: 'less',
      targets: { pg: { limit: 3 }, redis: { limit: 3 } },
    },
  ],
  // A service of Restate has no other one waiting behind the same address; that is a load balancer's part.
  takes: ({ name }) => name !== 'restate',
  repetitions: kills,
  measure: async (turn, size) => {
    const isFloor = turn.system.name === 'floor'
    const figures = isFloor ? connectionsGone(turn) : lose(turn, size, { ...hanging, signal: 'SIGKILL' })
    return { recovery: [await figures] }
  },
}

export const frozen: Workload = {
  group: 'recovery',
  rows: [
    {
      name: 'recovery-frozen',
      title: 'a worker frozen with SIGSTOP: its runs continue elsewhere after, the last of them',
      figure: 'maxMs',
      unit: 's',
      scale: 0.001,
      better: 'less',
      targets: { pg: { limit: 15 }, redis: { limit: 15 } },
    },
  ],
  takes: isOurs,
  repetitions: losses,
  measure: async (turn, size) => {
    const patient = { ...size, recoveryLimitMs: 60_000 }
    return { 'recovery-frozen': [await lose(turn, patient, { ...hanging, signal: 'SIGSTOP' })] }
  },
}

export const stopped: Workload = {
  group: 'recovery',
  rows: [
    {
      name: 'recovery-sigterm',
      title: 'a worker told to stop with SIGTERM: its runs continue elsewhere after, the last of them',
      figure: 'maxMs',
      unit: 's',
      scale: 0.001,
      better: 'less',
      targets: { pg: { limit: 1 }, redis: { limit: 1 } },
    },
  ],
  takes: isOurs,
  repetitions: losses,
  measure: async (turn, size) => {
    const passing: Loss = {
      work: 'pass',
      signal: 'SIGTERM',
      inTheMiddle: () => delay(1_500),
      wentOnAt: ({ output }) => Number(output),
    }
    return { 'recovery-sigterm': [await lose(turn, size, passing)] }
  },
}
