import { WorkflowError } from '../contract/errors.ts'
import type { PayloadCodec } from '../contract/payload-codec.ts'
import type { Payload } from '../contract/records.ts'
import { isStorable } from '../domain/names.ts'
import { CodecFailedError, decodeValue, digestOfValue, encodeBriefly, encodeThrown, encodeValue } from './values.ts'

/** An encoded value. */
export interface Encoded {
  readonly payload: Payload
  /** Of the value before the codec, stacks of errors left out: equal for equal values. */
  readonly digest: string
}

/**
 * User values to payloads and back: encoder, size limit, codec. Without a codec, or with a synchronous one, the `…Now`
 * forms answer at once; a hot path awaits only what is a promise.
 */
export class Payloads {
  readonly #codec: PayloadCodec | undefined
  readonly #maxPayloadBytes: number

  constructor(codec: PayloadCodec | undefined, maxPayloadBytes: number) {
    this.#codec = codec
    this.#maxPayloadBytes = maxPayloadBytes
  }

  /**
   * `what` names the value in errors and begins their path: `result` gives `result.user.save`.
   *
   * @throws NotSerializableError, WorkflowError `PAYLOAD_TOO_LARGE`, UnreadablePayloadError (the codec failed)
   */
  async encode(value: unknown, what: string): Promise<Encoded> {
    return this.encodeNow(value, what)
  }

  /** As `encode`; a promise only when the codec returns one. */
  encodeNow(value: unknown, what: string): Encoded | Promise<Encoded> {
    const text = encodeValue(value, what)
    this.#checkSize(text, what)
    const sealed = this.#seal(text)
    if (typeof sealed === 'string') return encoded(value, text, sealed)
    return sealed.then((payload) => encoded(value, text, payload))
  }

  /**
   * The first half of `encode`, never asynchronous: text and digest, checked for size. `seal` makes a payload of the text.
   *
   * @throws NotSerializableError, WorkflowError `PAYLOAD_TOO_LARGE`
   */
  prepare(value: unknown, what: string): { readonly text: string; readonly digest: string } {
    const text = encodeValue(value, what)
    this.#checkSize(text, what)
    return { text, digest: digestOfValue(value, text) }
  }

  /** The second half: runs the codec over a prepared text. */
  async seal(text: string): Promise<Payload> {
    return this.#seal(text)
  }

  /** Whatever was thrown, as a payload that decodes to an Error. An error is kept whatever it carries: too large a one without its causes and fields. */
  encodeErrorNow(thrown: unknown): Payload | Promise<Payload> {
    const text = encodeThrown(thrown)
    return this.#seal(Buffer.byteLength(text) > this.#maxPayloadBytes ? encodeBriefly(thrown) : text)
  }

  async encodeError(thrown: unknown): Promise<Payload> {
    return this.encodeErrorNow(thrown)
  }

  /** `what` names the value in errors, and is asked only then. @throws UnreadablePayloadError */
  async decode(payload: Payload, what?: () => string): Promise<unknown> {
    return this.decodeNow(payload, what)
  }

  /** As `decode`; a promise only when the codec returns one (a decoded value never is one). */
  decodeNow(payload: Payload, what?: () => string): unknown {
    if (this.#codec === undefined) return decodeValue(payload, what)
    const opened = attempt('decode', () => this.#codec?.decode(payload))
    if (isPromise(opened)) return settled('decode', opened).then((text) => toValue(text, what))
    return toValue(opened, what)
  }

  #seal(text: string): Payload | Promise<Payload> {
    if (this.#codec === undefined) return text
    const sealed = attempt('encode', () => this.#codec?.encode(text))
    return isPromise(sealed) ? settled('encode', sealed).then(storable) : storable(sealed)
  }

  /** Of the value, not of what a codec makes of it: what the codec adds, nobody could send less of. */
  #checkSize(text: string, what: string): void {
    const limit = this.#maxPayloadBytes
    // A character takes three bytes at most: most texts need no count.
    if (text.length * 3 <= limit) return
    const size = Buffer.byteLength(text)
    if (size <= limit) return
    throw new WorkflowError(
      'PAYLOAD_TOO_LARGE',
      `${what} takes ${inUnits(size)} encoded; the limit is ${inUnits(limit)} (option maxPayloadBytes). Keep large data elsewhere and pass a reference to it`,
    )
  }
}

function encoded(value: unknown, text: string, payload: Payload): Encoded {
  return {
    payload,
    // Read for inputs only, so it is worked out when it is.
    get digest() {
      return digestOfValue(value, text)
    },
  }
}

function attempt<T>(hook: 'encode' | 'decode', call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw codecFailed(hook, error)
  }
}

function settled<T>(hook: 'encode' | 'decode', promise: PromiseLike<T>): Promise<T> {
  return Promise.resolve(promise).catch((error: unknown) => {
    throw codecFailed(hook, error)
  })
}

function codecFailed(hook: 'encode' | 'decode', error: unknown): CodecFailedError {
  const why = error instanceof Error ? error.message : String(error)
  return new CodecFailedError(`the codec's ${hook} failed: ${why}`, { cause: error })
}

function storable(payload: unknown): Payload {
  if (typeof payload !== 'string') {
    throw new CodecFailedError(
      `the codec's encode returned ${typeof payload}; it must return a string (or a promise of one)`,
    )
  }
  if (!isStorable(payload)) {
    throw new CodecFailedError(
      "the codec's encode returned text that no database keeps (U+0000 or an unpaired surrogate); for bytes return base64",
    )
  }
  return payload
}

function toValue(text: unknown, what: (() => string) | undefined): unknown {
  if (typeof text !== 'string') {
    throw new CodecFailedError(
      `the codec's decode returned ${typeof text}; it must return the string that encode was given`,
    )
  }
  return decodeValue(text, what)
}

function isPromise<T>(thing: T | PromiseLike<T>): thing is PromiseLike<T> {
  return typeof thing === 'object' && thing !== null && 'then' in thing && typeof thing.then === 'function'
}

function inUnits(bytes: number): string {
  return bytes < 1024 * 1024 ? `${bytes} bytes` : `${(bytes / (1024 * 1024)).toFixed(1)} MiB`
}
