import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Payloads } from '../../src/engine/payloads.ts'
import type { RecordedHistory } from '../../src/index.ts'
import { replayHistory, type ReplayedHistory } from '../../src/testing/index.ts'
import { workflowOf, type Given, type ShapeBody } from './shape.ts'

/** A recorded run, and what its code decided when the history was given back to it on the day it was recorded. */
export interface Golden {
  readonly history: RecordedHistory
  readonly status: ReplayedHistory<unknown>['status']
  /** Encoded as payloads are: the output, what it failed with, and what the body was given in which order. */
  readonly output: string
  readonly error: string
  readonly given: string
}

export const folder = new URL('../../../../histories/v1/', import.meta.url)
export const checksumsFile = new URL('checksums.json', folder)

const payloads = new Payloads(undefined, Infinity)

export function fileOf(shape: string): string {
  const name = shape.replaceAll(/[^a-z]+/g, '-')
  // A megabyte of text that is read by machines alone.
  return shape === 'a thousand steps' ? `${name}.json.gz` : `${name}.json`
}

export function readGolden(file: string): Golden {
  const bytes = readFileSync(new URL(file, folder))
  return JSON.parse((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()) as Golden
}

export function checksumOf(file: string): string {
  return createHash('sha256')
    .update(readFileSync(new URL(file, folder)))
    .digest('hex')
}

/** Replays a history, and answers what a golden file keeps of that. */
export async function replayed(body: ShapeBody, history: RecordedHistory) {
  const given: Given[] = []
  const { status, output, error, divergence } = await replayHistory(workflowOf(body, given), history)
  const shown = given.map(([name, how, what]) => [name, how, inShort(what)])
  return { status, divergence, output: encode(output), error: encode(inShort(error)), given: encode(shown) }
}

export const encode = (value: unknown): string => payloads.prepare(value, 'the value').text
export const decode = (text: string): unknown => payloads.decodeNow(text)

/** Without its stack, which says where the code lies. */
function inShort(what: unknown): unknown {
  if (!(what instanceof Error)) return what
  const { name, message, cause } = what
  const fields = Object.fromEntries(Object.entries(what).filter(([key]) => key !== 'stack'))
  return { name, message, fields, cause: inShort(cause) }
}
