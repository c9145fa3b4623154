import type { Redis } from 'ioredis'

/** One slot on its way from a master to another. Between the calls it is with neither of them whole. */
export interface MovingSlot {
  /** Hands over so many keys, or all that are left; answers how many there were. */
  hand(keys?: number): Promise<number>
  /** Hands over the rest, and lets everybody know. */
  finish(): Promise<void>
}

/**
 * Begins to move the slot of this key from the master that has it to the next one, as `redis-cli --cluster reshard` does.
 * `masters`: a connection to each.
 *
 * @example
 * const move = await beginSlotMove('{mail}', masters)
 * await move.hand(10)
 * await move.finish()
 */
export async function beginSlotMove(key: string, masters: readonly Redis[]): Promise<MovingSlot> {
  const slot = Number(await masters[0]?.call('cluster', 'keyslot', key))
  const owned = await Promise.all(masters.map((node) => ownsSlot(node, slot)))
  const at = owned.indexOf(true)
  const [from, to] = [masters[at], masters[(at + 1) % masters.length]]
  if (!from || !to) throw new Error(`none of these masters has slot ${slot}`)
  const target = await idOf(to)
  await to.call('cluster', 'setslot', slot, 'importing', await idOf(from))
  await from.call('cluster', 'setslot', slot, 'migrating', target)
  const hand = (most?: number): Promise<number> => handKeys({ slot, from, to }, most)
  return {
    hand,
    finish: async () => {
      await hand()
      // Who gets it is told first: as long as nobody else knows, those who ask are sent on.
      for (const node of [to, from, ...masters]) await node.call('cluster', 'setslot', slot, 'node', target)
    },
  }
}

async function handKeys(
  { slot, from, to }: { readonly slot: number; readonly from: Redis; readonly to: Redis },
  most = Infinity,
): Promise<number> {
  const { host = '', port = 0, password = '' } = to.options
  let handed = 0
  while (handed < most) {
    const keys = (await from.call('cluster', 'getkeysinslot', slot, Math.min(100, most - handed))) as string[]
    if (keys.length === 0) break
    await from.call('migrate', host, port, '', 0, 5_000, 'AUTH', password ?? '', 'KEYS', ...keys)
    handed += keys.length
  }
  return handed
}

async function idOf(node: Redis): Promise<string> {
  return String(await node.call('cluster', 'myid'))
}

async function ownsSlot(node: Redis, slot: number): Promise<boolean> {
  const id = await idOf(node)
  const ranges = (await node.call('cluster', 'slots')) as [number, number, [string, number, string]][]
  return ranges.some(([from, to, [, , owner]]) => owner === id && from <= slot && slot <= to)
}
