const SPARSE = -7

/** Whether a reader of an encoded value would recurse deeper than `limit`. */
export function nestsDeeperThan(limit: number, text: string): boolean {
  return opensMoreThan(limit, text) && nestingDepth(text) > limit
}

/** A level takes a bracket of its own, and counting brackets (those in strings too) costs far less than parsing. */
function opensMoreThan(limit: number, text: string): boolean {
  let opened = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if ((unit === 0x5b || unit === 0x7b) && ++opened > limit) return true
  }
  return false
}

/**
 * The text is a list of flattened values that refer to each other by index, numbered in the order of a depth-first
 * walk: every earlier value that refers to a later one is its ancestor, so the deepest of them is its parent.
 */
function nestingDepth(text: string): number {
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
  return value
}
