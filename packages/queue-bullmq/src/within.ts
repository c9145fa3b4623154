/** The promise's value, or an error with these words when it takes longer. */
export async function within<T>(ms: number, promise: Promise<T>, words: () => string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(words())), ms)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
