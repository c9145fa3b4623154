const SPARSE = -7
const CONTAINERS: ReadonlySet<unknown> = new Set(['Map', 'Set', 'null'])

/**
 * How deep the reader of an encoded value will recurse. The text is a list of flattened values that refer to each
 * other by index, numbered in the order of a depth-first walk: every earlier value that refers to a later one is its
 * ancestor, so the deepest of them is its parent.
 */
export function nestingDepth(text: string): number {
  const values: unknown = JSON.parse(text)
  if (!Array.isArray(values)) return 0
  const depths = new Uint32Array(values.length)
  let deepest = 0
  values.forEach((value: unknown, index) => {
    if (typeof value !== 'object' || value === null) return
    const depth = (depths[index] ?? 0) + 1
    for (const child of childrenOf(value)) {
      if (typeof child !== 'number' || child <= index || depth <= (depths[child] ?? Infinity)) continue
      depths[child] = depth
      if (depth > deepest) deepest = depth
    }
  })
  return deepest
}

function childrenOf(value: object): readonly unknown[] {
  if (!Array.isArray(value)) return Object.values(value)
  // [-7, length, index, value, index, value, …]
  if (value[0] === SPARSE) return value.filter((_, position) => position >= 3 && position % 2 === 1)
  if (typeof value[0] !== 'string' || CONTAINERS.has(value[0])) return value
  // Other tags have one child at most; what follows it are offsets and lengths.
  return value.slice(1, 2)
}
