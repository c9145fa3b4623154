import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { gzipSync, gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { WorkflowError } from '../contract/errors.ts'
import type { PayloadCodec } from '../contract/payload-codec.ts'
import { MAX_PAYLOAD_BYTES } from '../domain/limits.ts'
import { Payloads, type Encoded } from './payloads.ts'
import { UnreadablePayloadError } from './values.ts'

const key = randomBytes(32)
const encryption: PayloadCodec = {
  async encode(text) {
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, iv)
    const bytes = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return bytes.toString('base64')
  },
  async decode(payload) {
    const bytes = Buffer.from(payload, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAuthTag(bytes.subarray(-16))
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8')
  },
}
const compression: PayloadCodec = {
  encode: (text) => gzipSync(text).toString('base64'),
  decode: (payload) => gunzipSync(Buffer.from(payload, 'base64')).toString('utf8'),
}

const value = { text: 'a\0\ud800', list: [undefined, new Date(5)], error: new TypeError('x') }

describe('Payloads', () => {
  test('without a codec answers at once', () => {
    const payloads = new Payloads(undefined, MAX_PAYLOAD_BYTES)
    const encoded = payloads.encodeNow(value, 'result')
    expect(encoded).not.toBeInstanceOf(Promise)
    expect(payloads.decodeNow((encoded as Encoded).payload)).toEqual(value)
    expect(typeof payloads.encodeErrorNow(new Error('x'))).toBe('string')
  })

  test.each([
    ['no codec', undefined],
    ['an asynchronous codec', encryption],
    ['a synchronous codec', compression],
  ])('%s: values and errors come back', async (_, codec) => {
    const payloads = new Payloads(codec, MAX_PAYLOAD_BYTES)
    const { payload, digest } = await payloads.encode(value, 'result')
    expect(await payloads.decode(payload)).toEqual(value)
    // The digest is of the value, not of what the codec makes of it (which may differ every time).
    expect(digest).toBe((await new Payloads(undefined, MAX_PAYLOAD_BYTES).encode(value, 'result')).digest)
    expect(await payloads.decode(await payloads.encodeError('text'))).toMatchObject({ message: 'text', thrown: 'text' })
    const prepared = payloads.prepare(value, 'result')
    expect(prepared.digest).toBe(digest)
    expect(await payloads.decode(await payloads.seal(prepared.text))).toEqual(value)
  })

  test('too large is refused, whatever the codec makes of it', async () => {
    const message = async (codec: PayloadCodec | undefined, limit: number, given: unknown) => {
      try {
        await new Payloads(codec, limit).encode(given, "the input of step 'Upload'")
      } catch (error) {
        if (WorkflowError.is(error)) return `${error.code}: ${error.message}`
        throw error
      }
      return 'accepted'
    }
    expect(await message(undefined, 100, 'x'.repeat(97))).toMatchInlineSnapshot(
      `"PAYLOAD_TOO_LARGE: the input of step 'Upload' takes 101 bytes encoded; the limit is 100 bytes (option maxPayloadBytes). Keep large data elsewhere and pass a reference to it"`,
    )
    expect(await message(undefined, 100, 'x'.repeat(96))).toBe('accepted')
    expect(await message(undefined, MAX_PAYLOAD_BYTES, 'x'.repeat(5 * 1024 * 1024))).toMatchInlineSnapshot(
      `"PAYLOAD_TOO_LARGE: the input of step 'Upload' takes 5.0 MiB encoded; the limit is 4.0 MiB (option maxPayloadBytes). Keep large data elsewhere and pass a reference to it"`,
    )
    expect(await message(encryption, 100, 'x'.repeat(96))).toBe('accepted')
    // Counted in bytes, not characters.
    expect(await message(undefined, 100, '€'.repeat(33))).toMatch(/takes 103 bytes/)
    expect(await message(undefined, 100, '€'.repeat(32))).toBe('accepted')
    const payloads = new Payloads(encryption, 100)
    expect(() => payloads.prepare('x'.repeat(97), 'input')).toThrow(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }),
    )
    const { text } = payloads.prepare('x'.repeat(96), 'input')
    expect(await payloads.decode(await payloads.seal(text))).toBe('x'.repeat(96))
  })

  test('an error is kept whatever it carries', async () => {
    const payloads = new Payloads(undefined, 10_000)
    const huge = Object.assign(new TypeError('x', { cause: new Error('y'.repeat(1e6)) }), {
      code: 'E',
      body: 'z'.repeat(1e6),
    })
    const back = await payloads.decode(await payloads.encodeError(huge))
    expect(back).toBeInstanceOf(TypeError)
    expect(back).toMatchObject({ message: 'x', code: 'E' })
    expect(back).not.toHaveProperty('body')
    const endless = await payloads.encodeError(new Error('m'.repeat(1e7)))
    expect(endless.length).toBeLessThan(30_000)
  })

  test('a codec that fails says nothing about the value', async () => {
    const failing = (changes: Partial<PayloadCodec>) => new Payloads({ ...compression, ...changes }, MAX_PAYLOAD_BYTES)
    const fail = () => {
      throw new Error('no key')
    }
    const bad: (() => unknown)[] = [
      () => failing({ encode: fail }).encode(1, 'x'),
      () => failing({ encode: async () => fail() }).encode(1, 'x'),
      () => failing({ encode: fail }).encodeError(1),
      () => failing({ decode: fail }).decode('x'),
      () => failing({ decode: async () => fail() }).decode('x'),
    ]
    for (const act of bad) {
      const error = await Promise.resolve(act()).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(UnreadablePayloadError)
      expect(error).toMatchObject({
        message: expect.stringMatching(/^the codec's (en|de)code failed: no key$/),
        cause: new Error('no key'),
      })
    }
  })

  test('A10: a codec must return text that a store keeps', async () => {
    const message = (encode: PayloadCodec['encode']) =>
      new Payloads({ ...compression, encode }, MAX_PAYLOAD_BYTES).encode(1, 'x').then(
        () => 'accepted',
        (error: Error) => error.message,
      )
    expect(await message(() => 'a\0b')).toMatchInlineSnapshot(
      `"the codec's encode returned text that no database keeps (U+0000 or an unpaired surrogate); for bytes return base64"`,
    )
    expect(await message(async () => '\ud800')).toMatch(/unpaired surrogate/)
    expect(await message(() => Buffer.from('x') as unknown as string)).toMatchInlineSnapshot(
      `"the codec's encode returned object; it must return a string (or a promise of one)"`,
    )
    const decodes = new Payloads({ ...compression, decode: () => 5 as unknown as string }, MAX_PAYLOAD_BYTES)
    await expect(decodes.decode('x')).rejects.toThrow(/decode returned number/)
    const wrongKey = new Payloads({ ...compression, decode: () => 'garbage' }, MAX_PAYLOAD_BYTES)
    await expect(wrongKey.decode('x')).rejects.toThrow(UnreadablePayloadError)
  })
})
