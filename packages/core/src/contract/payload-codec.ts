import type { Payload } from './records.ts'

/**
 * A hook for encryption or compression of every payload at rest. It works on text: which values keep their type is
 * decided before it, the same for every codec. May be async.
 */
export interface PayloadCodec {
  encode(text: string): Payload | Promise<Payload>
  decode(payload: Payload): string | Promise<string>
}
