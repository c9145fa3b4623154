import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Fence } from './fences.ts'

const here = import.meta.dirname
const nodeModules = path.join(here, '../node_modules')

/** What a program that ended said. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** An app around snippets of the document, in a folder of its own. */
export class DocumentApp {
  readonly folder: string

  /** `files`: the app's own files beside those of `app/`, by name relative to the app's folder. */
  constructor(files: Readonly<Record<string, string>>, { without = [] }: { without?: readonly string[] } = {}) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'pikku-document-'))
    symlinkSync(nodeModules, path.join(this.folder, 'node_modules'))
    cpSync(path.join(here, 'app'), this.folder, { recursive: true })
    for (const name of without) rmSync(path.join(this.folder, name))
    for (const [name, text] of Object.entries({ 'package.json': '{ "type": "module" }\n', ...files })) {
      const file = path.join(this.folder, name)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
  }

  read(name: string): string {
    return readFileSync(path.join(this.folder, name), 'utf8')
  }

  /** `npx pikku`, as published. */
  pikku(): Promise<Ended> {
    return this.#node([path.join(nodeModules, '@pikku/cli/dist/cli.js')])
  }

  /** The compiler of the workspace, with the app's own settings only. */
  tsc(): Promise<Ended> {
    return this.#node([path.join(nodeModules, 'typescript/bin/tsc'), '--project', '.', '--pretty', 'false'])
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #node(args: readonly string[]): Promise<Ended> {
    return new Promise((resolve) => {
      execFile(process.execPath, args, { cwd: this.folder }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
      )
    })
  }
}

const helpers = "import { pikkuSessionlessFunc } from '../workflows/pikku.workflows.gen.js'\n\n"

/** Where each snippet goes in an app: the text around it, the snippet itself unchanged. */
export function filesAround(fences: readonly Fence[], services: string): Record<string, string> {
  const text = (index: number): string => fences[index]!.text
  return {
    'pikku.config.json': text(0),
    'src/services.ts': services,
    'src/functions/check-workflow-status.ts': helpers + text(6),
    'src/functions/get-workflow-history.ts': helpers + text(7),
    'src/functions/trigger-and-wait.ts': helpers + text(8),
    'src/workflows/order-fulfillment.ts': `import { pikkuWorkflowFunc, wireWorkflow } from './pikku.workflows.gen.js'

const orderFulfillmentWorkflow = pikkuWorkflowFunc<{ orderId: string }, { shippedAt: Date }>(
  async ({ workflow }, { orderId }) => {
    const shippedAt = await workflow.do('Ship', 'ship', { orderId })
    return { shippedAt }
  },
)

${text(5)}`,
  }
}

/** The worker of an app, with the workers class that goes with its queue. */
export function workerOf(store: 'PostgreSQL' | 'Redis'): string {
  const worker = readFileSync(path.join(here, 'app/src/worker.ts'), 'utf8')
  if (store === 'PostgreSQL') return worker
  return worker
    .replace('@pikku/queue-pg-boss', '@pikku/queue-bullmq')
    .replaceAll('PgBossQueueWorkers', 'BullQueueWorkers')
}

/** What stands before the one expression that the document shows of inline mode. */
const beforeInline = {
  PostgreSQL: `import { PgWorkflowService } from '@pikku/pg'
import postgres from 'postgres'

const sql = postgres('postgresql://localhost:5432/myapp')
`,
  Redis: `import { RedisWorkflowService } from '@pikku/redis'
import { Redis } from 'ioredis'

const redis = new Redis('redis://localhost:6379')
`,
}

/** The services of an app in inline mode: the document shows the one expression that differs. */
export function inlineServices(store: 'PostgreSQL' | 'Redis', expression: string): string {
  return `${beforeInline[store]}
${expression}
export const createSingletonServices = async () => ({ workflowService })
`
}
