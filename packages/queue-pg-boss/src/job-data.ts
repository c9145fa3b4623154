import { NotSerializableError } from '@pikku/core/contract'
import { DevalueError, parse, stringify } from 'devalue'

/**
 * What a job of ours holds: JSON for pg-boss, with the user's value as text inside, so that dates, undefined, bigint,
 * maps, cycles and any string come back as they went in. The text is ASCII where jsonb is strict (U+0000, lone surrogates).
 */
export interface JobEnvelope {
  readonly pikku: 1
  readonly v: string
  /** The caller's own job id, as text like `v`. */
  readonly id?: string
  /** Seconds to keep the job once completed, once failed. */
  readonly keep: readonly [completed: number, failed: number]
}

const ACCEPTED =
  'accepted are JSON values, undefined, Date, bigint, Map, Set, RegExp, URL, typed arrays, NaN and ±Infinity, in any nesting'

/** The text of a value. Throws `NotSerializableError` naming the path of what cannot be kept; `what` names the value. */
export function encodeValue(value: unknown, what: 'data' | 'result' = 'data'): string {
  try {
    return stringify(value)
  } catch (error) {
    if (!(error instanceof DevalueError)) throw error
    const place = `the ${what} of a job: ${what}${error.path}`
    throw new NotSerializableError(error.path, `${place} cannot be kept: it is ${kindOf(error.value)}; ${ACCEPTED}`, {
      cause: error,
    })
  }
}

function kindOf(value: unknown): string {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (value instanceof Promise) return 'a promise (is an await missing?)'
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name
  return name === 'Object' || typeof name !== 'string'
    ? 'an object with keys that are symbols'
    : `an instance of ${name}`
}

function decodeValue(text: string): unknown {
  return parse(text)
}

/** Our envelope, or undefined for a job that somebody else put into the queue. */
export function toEnvelope(data: unknown): JobEnvelope | undefined {
  if (typeof data !== 'object' || data === null || !('pikku' in data) || data.pikku !== 1) return undefined
  if (!('v' in data) || typeof data.v !== 'string') return undefined
  const id = 'id' in data && typeof data.id === 'string' ? { id: data.id } : {}
  const [completed, failed] = 'keep' in data && Array.isArray(data.keep) ? data.keep : []
  return { pikku: 1, v: data.v, ...id, keep: [Number(completed ?? Infinity), Number(failed ?? Infinity)] }
}

/** The user's value: plain JSON where the job is not ours. */
export function dataOf(data: unknown): unknown {
  const envelope = toEnvelope(data)
  return envelope ? decodeValue(envelope.v) : data
}

/** The id that `getJob` takes. */
export function publicIdOf(job: { readonly id: string; readonly data: unknown }): string {
  const id = toEnvelope(job.data)?.id
  return id === undefined ? job.id : String(decodeValue(id))
}

/** A result as pg-boss stores it. */
export function toOutput(result: unknown): { readonly v: string } {
  return { v: encodeValue(result, 'result') }
}

export function fromOutput(output: unknown): unknown {
  if (typeof output !== 'object' || output === null || !('v' in output) || typeof output.v !== 'string') return output
  return decodeValue(output.v)
}

/** What was thrown, in words that any column takes. */
export function toFailure(error: unknown): { name: string; message: string; stack?: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: clean(String(error)) }
  const stack = error.stack === undefined ? {} : { stack: clean(error.stack) }
  return { name: clean(error.name), message: clean(error.message), ...stack }
}

function clean(text: string): string {
  return text.replaceAll('\u0000', '\u{fffd}').toWellFormed()
}
