import type { Payload } from './records.ts'

/**
 * A hook for encryption or compression of every payload at rest. It works on text: which values keep their type is
 * decided before it, the same for every codec. May be async.
 */
export interface PayloadCodec {
  /** Text to what is stored: any well-formed text without U+0000. */
  encode(text: string): Payload | Promise<Payload>
  /** What was stored to the same text. */
  decode(payload: Payload): string | Promise<string>
}
