// Records the shapes that have no golden history yet; one that is there is never written again.
//   node --conditions=pikku-source packages/core/test/histories/record.ts
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { RecordedHistory } from '../../src/index.ts'
import { testWorkflow } from '../../src/testing/index.ts'
import { checksumOf, checksumsFile, fileOf, folder, replayed, type Golden } from './golden.ts'
import { workflowOf, type Shape } from './shape.ts'
import { shapes } from './shapes.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

async function record({ body, later, input, functions, failures, crashes }: Shape): Promise<Golden> {
  const { recorded: history } = await testWorkflow(workflowOf(body), {
    input,
    rpcs: functions as never,
    ...(failures ? { failures } : {}),
    ...(crashes ? { crashes } : {}),
  })
  // Stacks say where the code lay.
  const somewhere = JSON.parse(JSON.stringify(history).replaceAll(root, '/app/')) as RecordedHistory
  const { status, output, error, given } = await replayed(later ?? body, somewhere)
  return { history: somewhere, status, output, error, given }
}

const checksums = existsSync(checksumsFile) ? (JSON.parse(readFileSync(checksumsFile, 'utf8')) as object) : {}
const added: Record<string, string> = {}
for (const [name, shape] of Object.entries(shapes)) {
  const file = fileOf(name)
  const url = new URL(file, folder)
  if (existsSync(url)) continue
  const text = `${JSON.stringify(await record(shape), null, 2)}\n`
  writeFileSync(url, file.endsWith('.gz') ? gzipSync(text, { level: 9 }) : text)
  added[file] = checksumOf(file)
  console.log(`recorded ${file}`)
}
writeFileSync(checksumsFile, `${JSON.stringify({ ...checksums, ...added }, null, 2)}\n`)
