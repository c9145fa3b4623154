import { describe, expect, it } from 'vitest'
import { Batcher } from './batcher.ts'

describe('Batcher', () => {
  it('makes one batch of one turn, and one more of what came while it was under way', async () => {
    const batches: number[][] = []
    let release: (() => void) | undefined
    const batcher = new Batcher<number>({
      max: 10,
      flush: (batch) => {
        batches.push([...batch])
        return new Promise((resolve) => (release = resolve))
      },
    })
    batcher.add(1)
    batcher.add(2)
    await new Promise((resolve) => setImmediate(resolve))
    batcher.add(3)
    batcher.add(4)
    release?.()
    await new Promise((resolve) => setImmediate(resolve))
    release?.()
    await batcher.drained()
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  it('keeps to its largest number and weight, and lets a heavy one go alone', async () => {
    const batches: number[][] = []
    const flush = async (batch: readonly number[]): Promise<void> => void batches.push([...batch])
    const batcher = new Batcher<number>({ max: 3, maxWeight: 10, weigh: (item) => item, flush })
    for (const item of [1, 1, 1, 1, 99, 8, 3]) batcher.add(item)
    await batcher.drained()
    expect(batches).toEqual([[1, 1, 1], [1], [99], [8], [3]])
  })

  it('goes on after it was drained', async () => {
    const seen: number[] = []
    const batcher = new Batcher<number>({ max: 3, flush: async (batch) => void seen.push(...batch) })
    batcher.add(1)
    await batcher.drained()
    batcher.add(2)
    await batcher.drained()
    expect(seen).toEqual([1, 2])
  })
})
