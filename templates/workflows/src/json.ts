/** What JSON can say of a value: errors show their name, message and code, never their stack. */
export function toJson(value: unknown): JsonValue {
  return JSON.parse(
    JSON.stringify(value ?? null, (_key, part: unknown) => {
      if (part instanceof Error)
        return { name: part.name, message: part.message, code: 'code' in part ? part.code : undefined }
      return typeof part === 'bigint' ? String(part) : part
    }),
  )
}

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue }
