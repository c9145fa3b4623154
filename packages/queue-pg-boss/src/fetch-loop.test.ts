import { afterEach, describe, expect, it, vi } from 'vitest'
import { FetchLoop } from './fetch-loop.ts'

describe('FetchLoop', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  /** A queue in memory: what was asked of it, and what it holds. */
  function setUp(slots: number, { live = true, holds = 0 } = {}) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const queue = Array.from({ length: holds }, (_, i) => i)
    const asked: number[] = []
    const errors: unknown[] = []
    const under: (() => void)[] = []
    let broken = false
    const loop = new FetchLoop<number>({
      slots,
      fetch: async (limit) => {
        asked.push(limit)
        if (broken) throw new Error('away')
        return queue.splice(0, limit)
      },
      deliver: () => new Promise((resolve) => void under.push(resolve)),
      isLive: () => live,
      onError: (error) => errors.push(error),
    })
    return { loop, queue, asked, errors, under, breakIt: (is: boolean) => (broken = is) }
  }
  async function pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms)
  }

  it('asks for its free slots, and again at once while the answer is full', async () => {
    const { asked, under } = setUp(250, { holds: 230 })
    await pass(1)
    expect(asked).toEqual([100, 100, 50])
    expect(under).toHaveLength(230)
  })

  it('asks for nothing while no slot is free', async () => {
    const { loop, queue, asked, under } = setUp(2, { holds: 4 })
    await pass(30_000)
    loop.wake()
    await pass(30_000)
    expect(asked).toEqual([2])
    under[0]?.()
    await pass(1)
    expect(asked).toEqual([2, 1])
    expect(queue).toHaveLength(1)
  })

  it('backs off from half a second to five while rings arrive', async () => {
    const { asked } = setUp(1)
    await pass(60_000)
    // At 0, 0.5, 1.5, 3.5, 7.5 and every 5 s from there.
    expect(asked).toHaveLength(15)
  })

  it('polls every half second while they do not', async () => {
    const { asked } = setUp(1, { live: false })
    await pass(10_000)
    expect(asked).toHaveLength(21)
  })

  it('fetches when woken, at once or later', async () => {
    const { loop, asked } = setUp(1)
    await pass(20_000)
    const before = asked.length
    loop.wake()
    await pass(1)
    expect(asked).toHaveLength(before + 1)
    loop.wake(200)
    await pass(190)
    expect(asked).toHaveLength(before + 1)
    await pass(40)
    expect(asked).toHaveLength(before + 2)
  })

  it('a ring during a fetch is not lost', async () => {
    const { loop, asked } = setUp(1)
    // The first fetch is under way and will find nothing.
    loop.wake()
    await pass(0)
    expect(asked).toHaveLength(2)
  })

  it('waits longer and longer while the server is away, whatever rings, and recovers', async () => {
    const { loop, asked, errors, breakIt } = setUp(1)
    breakIt(true)
    await pass(10_000)
    // 0.1, 0.2, 0.4 … 5 s apart.
    expect(errors.length).toBeGreaterThan(4)
    expect(errors.length).toBeLessThan(9)
    breakIt(false)
    const before = asked.length
    await pass(6_000)
    expect(asked.length).toBeGreaterThan(before)
    await loop.stop()
  })

  it('hands nothing over after stop', async () => {
    const { loop, queue, asked, under } = setUp(5)
    await pass(1)
    loop.wake(100)
    await loop.stop()
    const before = asked.length
    queue.push(1)
    loop.wake()
    await pass(60_000)
    expect(asked).toHaveLength(before)
    expect(under).toHaveLength(0)
  })
})
