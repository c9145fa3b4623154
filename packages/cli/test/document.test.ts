import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { formatDiagnostic } from '../src/diagnostics.ts'
import { generate } from '../src/generate.ts'
import { compile } from './compiler.ts'
import { packageRoot, writeProject } from './fixtures.ts'

const document = readFileSync(path.join(packageRoot, 'test/document/workflow-configuration.txt'), 'utf8')

/** The snippets in this language that hold this text, as they stand in the document. */
function snippets(language: string, holding: string): string {
  const fences = [...document.matchAll(/```(\w+)\n([^]*?)```/g)]
  const found = fences.filter(([, fence, text = '']) => fence === language && text.includes(holding))
  expect(found.length, holding).toBeGreaterThan(0)
  return found.map(([, , text]) => text).join('\n')
}

/** An app around the snippets of the document, with the services of its PostgreSQL section. */
const app = () => ({
  'pikku.config.json': snippets('json', 'singleQueue'),
  'src/services.ts': snippets('typescript', "from '@pikku/pg'"),
  'src/inline.ts': `import { PgWorkflowService } from '@pikku/pg'
import postgres from 'postgres'

const sql = postgres('postgresql://localhost:5432/myapp')
${snippets('typescript', 'const workflowService = new PgWorkflowService(\n  sql,\n  undefined')}
export { workflowService }
`,
  'src/status.ts': `import { pikkuSessionlessFunc } from './workflows/pikku.workflows.gen.js'

${snippets('typescript', 'pikkuSessionlessFunc<')}`,
  'src/order-fulfillment.ts': `import { pikkuWorkflowFunc, wireWorkflow } from './workflows/pikku.workflows.gen.js'

const orderFulfillmentWorkflow = pikkuWorkflowFunc<{ orderId: string }, void>(async ({ workflow }, { orderId }) => {
  await workflow.do('Look', 'checkWorkflowStatus', { runId: orderId })
})
wireWorkflow({ name: 'myWorkflow', func: orderFulfillmentWorkflow })

${snippets('typescript', "name: 'order-fulfillment'")}`,
})

test("the document's snippets compile as they stand", async () => {
  const project = writeProject(app())
  const { diagnostics } = generate(path.join(project, 'pikku.config.json'))
  expect(diagnostics.map(formatDiagnostic)).toEqual([])
  expect(await compile(project)).toBe('')
})
