import { createHash } from 'node:crypto'

/**
 * A job id that every queue takes: pg-boss knows uuids only, BullMQ takes no id of digits alone and hardly any with a
 * colon. The same words always give the same uuid (version 5 in form).
 */
export function uuidOf(...words: readonly (string | number)[]): string {
  // JSON keeps the words apart and lone surrogates distinct.
  const hash = createHash('sha1')
    .update(`pikku:${JSON.stringify(words)}`)
    .digest()
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

/** Whether this is a uuid in its usual form, of whatever version. */
export function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id)
}
