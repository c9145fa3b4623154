import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** One fenced snippet of the document, byte for byte. */
export interface Fence {
  readonly language: string
  readonly text: string
  readonly sha256: string
}

/** The user's document. It is not part of this repository: it lies beside it. */
const documentFile = path.resolve(import.meta.dirname, '../../../shared/spec/000_2eb4aef63ade4469.txt')

export const documentIsThere = existsSync(documentFile)

export const absence =
  `the user's document is not there (${documentFile}); this test needs the folder \`shared\` beside the repository. ` +
  'With CI=true that is a failure, elsewhere the test is skipped'

/** Every fence, in order; an unclosed one is an error. */
export function readFences(): Fence[] {
  const text = readFileSync(documentFile, 'utf8')
  const marks = [...text.matchAll(/^```(.*)\n/gm)]
  if (marks.length % 2 !== 0) throw new Error('a fence of the document is not closed')
  const fences: Fence[] = []
  for (let index = 0; index < marks.length; index += 2) {
    const [open, close] = [marks[index]!, marks[index + 1]!]
    const body = text.slice(open.index + open[0].length, close.index)
    fences.push({ language: open[1] ?? '', text: body, sha256: createHash('sha256').update(body).digest('hex') })
  }
  return fences
}
