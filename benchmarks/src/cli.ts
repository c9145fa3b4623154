import { Command, InvalidArgumentError, Option } from 'commander'
import { peerNames, type PeerName } from './peers.ts'
import { sizes, type Size } from './sizes.ts'
import { stores, type Store } from './systems.ts'
import { groups, type Group } from './workload.ts'

/** What was asked for. */
export interface Arguments {
  readonly size: Size
  readonly only: readonly Group[]
  readonly stores: readonly Store[]
  readonly peers: readonly PeerName[]
  /** Where the JSON goes besides `benchmarks/results`. */
  readonly json: string | null
  /** Whether BENCHMARKS.md, the results and the pictures of the repository are replaced. */
  readonly write: boolean
}

/**
 * @param args without the program's name
 * @throws CommanderError for what is not accepted, and for `--help`
 */
export function parseArguments(args: readonly string[]): Arguments {
  const command = new Command('pnpm bench')
    .description('Every row of the table, ours and the peers side by side on the same servers.')
    .option('--quick', 'smaller and fewer: about eight minutes')
    .addOption(new Option('--tiny', 'to see that it works; its figures say nothing').hideHelp())
    .option('--only <workload,…>', `some workloads: ${groups.join(', ')}`, listOf(groups))
    .option('--growth', 'the curves: how things grow with steps, runs, bytes, workers, ended runs and partitions')
    .addOption(new Option('--store <store>', 'one store').choices(stores))
    .option('--peers <peer,…>', `some peers, or none: ${peerNames.join(', ')}`, listOf([...peerNames, 'none']))
    .option('--json <file>', 'write the results there')
    .addOption(
      // A page whose rows come from different runs would invite to compare them.
      new Option('--write', 'replace what BENCHMARKS.md, benchmarks/results and its pictures say').conflicts([
        'only',
        'store',
      ]),
    )
    .exitOverride()
    .parse([...args], { from: 'user' })
  const given = command.opts<{
    quick?: true
    tiny?: true
    only?: Group[]
    growth?: true
    store?: Store
    peers?: (PeerName | 'none')[]
    json?: string
    write?: true
  }>()
  const isCurve = (group: Group) => group.startsWith('growth-')
  const byDefault = groups.filter((group) => isCurve(group) === (given.growth === true))
  return {
    size: given.tiny ? sizes.tiny : given.quick ? sizes.quick : sizes.full,
    only: given.only ?? byDefault,
    stores: given.store ? [given.store] : stores,
    peers: given.peers ? given.peers.filter((peer) => peer !== 'none') : peerNames,
    json: given.json ?? null,
    write: given.write === true,
  }
}

/** A list with commas, of what is accepted. */
function listOf<T extends string>(accepted: readonly T[]): (text: string) => T[] {
  return (text) =>
    text.split(',').map((each) => {
      const found = accepted.find((one) => one === each.trim())
      if (found === undefined) throw new InvalidArgumentError(`got '${each}'; accepted: ${accepted.join(', ')}`)
      return found
    })
}
