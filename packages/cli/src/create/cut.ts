import type { StoreName } from './stores.ts'

const opening = /^\s*(?:\/\/|<!--) #region (\S+)/
const closing = /^\s*(?:\/\/|<!--) #endregion\b/

/**
 * A file of the template as an app with this store has it: without the regions of the other store and of the repository,
 * and without the lines that mark regions.
 *
 * @throws Error when a region does not end, or ends without having begun
 */
export function cutFor(store: StoreName, text: string): string {
  const left: string[] = []
  const open: string[] = []
  for (const line of text.split('\n')) {
    const [, begins] = opening.exec(line) ?? []
    if (begins !== undefined) open.push(begins)
    else if (!closing.test(line)) {
      if (open.every((region) => belongs(region, store)) && !twiceBlank(left, line)) left.push(line)
    } else if (open.pop() === undefined) throw new Error('a region of the template ends that has not begun')
  }
  if (open.length > 0) throw new Error(`region ${open[0]} of the template has no end`)
  return left.join('\n')
}

/** Regions of other names mark what the guide shows. */
function belongs(region: string, store: StoreName): boolean {
  return region === store || !['pg', 'redis', 'repository'].includes(region)
}

/** Where a region was, its blank lines before and after would stand together. */
function twiceBlank(before: readonly string[], line: string): boolean {
  return line === '' && (before.length === 0 || before.at(-1) === '')
}
