import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { peerNames, peersFolder, type PeerName } from './peers.ts'

export type Store = 'pg' | 'redis'
export const stores: readonly Store[] = ['pg', 'redis']

/** Ours, a peer, or the raw writes below all of them. */
export type SystemName = 'pikku' | 'floor' | PeerName

/** One of those that take turns. */
export interface System {
  readonly name: SystemName
  /** In whose table it stands. Restate, which keeps its own storage, stands in the first one. */
  readonly store: Store
  readonly program: URL
  /** How many runs are started at once where a workload has many: the best of what was tried. */
  readonly atOnce: number
}

/** Alone, more at once does not make it faster: what it takes at a time is less. */
const peersAtOnce: Readonly<Record<PeerName, number>> = { dbos: 50, openworkflow: 300, absurd: 300, restate: 300 }

export function systemsFor(wanted: readonly Store[], peers: readonly PeerName[]): readonly System[] {
  const own = wanted.flatMap((store): System[] => [
    { name: 'pikku', store, program: program('pikku.ts'), atOnce: Infinity },
    { name: 'floor', store, program: program(`floor-${store}.ts`), atOnce: Infinity },
  ])
  const [first = 'pg'] = wanted
  const others = peerNames
    .filter((name) => peers.includes(name) && (name === 'restate' || first === 'pg'))
    .map((name): System => {
      const file = pathToFileURL(path.join(peersFolder, `${name}.mjs`))
      return { name, store: first, program: file, atOnce: peersAtOnce[name] }
    })
  return [...own, ...others]
}

function program(file: string): URL {
  return new URL(`programs/${file}`, import.meta.url)
}
