import type { Redis } from 'ioredis'

/** One slot on its way from a master to another. Between the calls it is with neither of them whole. */
export interface MovingSlot {
  /** Hand over so many keys, or all that are left; answers how many there were. */
  hand(keys?: number): Promise<number>
  /** Hand over the rest, and let everybody know. */
  finish(): Promise<void>
}

/** What `redis-cli --cluster reshard` does with one slot. `from` owns it. */
export async function beginMove(slot: number, from: Redis, to: Redis, masters: readonly Redis[]): Promise<MovingSlot> {
  const [source, target] = await Promise.all([from, to].map((node) => node.call('cluster', 'myid') as Promise<string>))
  if (!source || !target) throw new Error('a node has no id')
  await to.call('cluster', 'setslot', slot, 'importing', source)
  await from.call('cluster', 'setslot', slot, 'migrating', target)
  const { host, port, password } = to.options
  const hand = async (most = Infinity): Promise<number> => {
    let handed = 0
    while (handed < most) {
      const ask = Math.min(100, most - handed)
      const keys = (await from.call('cluster', 'getkeysinslot', slot, ask)) as string[]
      if (keys.length === 0) break
      await from.call('migrate', host ?? '', port ?? 0, '', 0, 5_000, 'AUTH', password ?? '', 'KEYS', ...keys)
      handed += keys.length
    }
    return handed
  }
  return {
    hand,
    finish: async () => {
      await hand()
      // Who gets it first: as long as nobody else knows, they are sent on.
      for (const node of [to, from, ...masters]) await node.call('cluster', 'setslot', slot, 'node', target)
    },
  }
}
