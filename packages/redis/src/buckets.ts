import { crc32 } from 'node:zlib'
import type { RunId } from '@pikku/core/contract'

/** A share of the runs, with everything that belongs to them: all its keys are in one slot of a Cluster. */
export interface Bucket {
  readonly index: number
  /** What its keys begin with, and the one key its scripts are given: `<prefix>:{<tag>}`. */
  readonly root: string
}

const slots = 16_384

/** The buckets of a prefix. Their slots are spread evenly, so that every master has as many of them as another. */
export function bucketsOf(prefix: string, count: number): readonly Bucket[] {
  const tags: (string | undefined)[] = Array.from({ length: count })
  if (count === 1) tags[0] = '0'
  for (let tag = 0, missing = count === 1 ? 0 : count; missing > 0; tag += 1) {
    const index = Math.floor((slotOf(`${tag}`) * count) / slots)
    if (tags[index] !== undefined) continue
    tags[index] = `${tag}`
    missing -= 1
  }
  return tags.map((tag, index) => ({ index, root: `${prefix}:{${tag ?? ''}}` }))
}

/** By the id alone: the same in every process and for ever. */
export function bucketAt(buckets: readonly Bucket[], runId: RunId): Bucket {
  const bucket = buckets[crc32(runId) % buckets.length]
  if (!bucket) throw new Error('no buckets are known yet: the link is not ready')
  return bucket
}

/** The slot of a Cluster that keys with this tag are in: CRC16, as the cluster's specification has it. */
function slotOf(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
    crc &= 0xffff
  }
  return crc % slots
}
