/** One after the other, each of them also when another one failed; then rejects with the first that did. */
export async function closeAll(...parts: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const close of parts) {
    try {
      await close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

/** At the same time: resolves, or rejects with the first that failed, when all of them are over. */
export async function whenOver(parts: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  await Promise.allSettled(parts)
  await Promise.all(parts)
}
