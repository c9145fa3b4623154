import type { Figures } from '../results.ts'
import type { Size } from '../sizes.ts'
import type { Turn } from '../stage.ts'
import type { System } from '../systems.ts'
import type { Workload } from '../workload.ts'
import { warmUp } from './waves.ts'

/** Whose figure ours is held against at this length. Others take minutes for it: one's time grows with the square. */
const isCompared = ({ name }: System): boolean => name === 'pikku' || name === 'floor' || name === 'dbos'

/** One run of so many inline steps, after a shorter one. */
export async function oneLongRun(turn: Turn, steps: number, { warmMs }: Size): Promise<Figures> {
  const player = await turn.start('alone')
  const one = (n: number) => ({ work: 'inline', input: { n }, times: 1, atOnce: 1 }) as const
  await warmUp(player, one(Math.min(steps, 200)), warmMs)
  const { ms } = await player.play(one(steps))
  return { msPerStep: ms / steps }
}

export const history: Workload = {
  group: 'history',
  rows: [
    {
      name: 'history',
      title: 'one run of many inline steps',
      figure: 'msPerStep',
      unit: 'ms/step',
      better: 'less',
      targets: { pg: { limit: 0.45, times: { dbos: 2.5 } }, redis: { limit: 0.15 } },
    },
  ],
  takes: () => true,
  measure: async (turn, size) => ({ history: [await oneLongRun(turn, size.history, size)] }),
}

export const longHistory: Workload = {
  group: 'history',
  rows: [
    {
      name: 'history-10000',
      title: 'the same, ten times as long',
      figure: 'msPerStep',
      unit: 'ms/step',
      better: 'less',
      targets: { pg: { limit: 0.54 }, redis: { limit: 0.18 } },
    },
  ],
  takes: isCompared,
  measure: async (turn, size) => ({ 'history-10000': [await oneLongRun(turn, size.longHistory, size)] }),
}
