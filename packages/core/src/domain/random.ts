import { v5 } from 'uuid'
import type { RunId } from '../contract/records.ts'

// Never change either: what a body was given once must come out the same at every replay.
const SEEDS = '6f1f0b0a-3f0e-4a55-8a5c-0b7d7b8f9c21'
const UUIDS = '1d9a1c3e-72b4-4c7f-b1a6-94c5d2e0f8a7'

/** A generator of numbers from 0 (inclusive) to 1 (exclusive), always the same for one seed. Not for secrets. */
export function seededRandom(seed: string): () => number {
  const bytes = v5(new TextEncoder().encode(seed), SEEDS, new Uint8Array(16))
  const words = new Uint32Array(4)
  bytes.forEach((byte, index) => {
    words[index >> 2] = ((words[index >> 2] ?? 0) << 8) | byte
  })
  const next = sfc32(words)
  // The first outputs still show the seed's words.
  for (let round = 0; round < 12; round++) next()
  // 26 + 27 bits: every value a double can hold in [0, 1) on a grid of 2^-53.
  return () => ((next() >>> 6) * 0x8000000 + (next() >>> 5)) / 0x20000000000000
}

/** The n-th UUID of a run: the same at every replay, different for every other run and n. */
export function deterministicUuid(runId: RunId, n: number): string {
  return v5(new TextEncoder().encode(`${n}:${runId}`), UUIDS)
}

function sfc32(words: Uint32Array): () => number {
  let [a = 0, b = 0, c = 0, counter = 0] = words
  return () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum
  }
}
