import type { ChildSetup, FromChild, ToChild } from '@pikku/tooling/app-process'
import { PgWorkflowService } from '../../src/index.ts'
import { registryOf } from './app.ts'

// One process of an app, started by an AppProcess: it tells what its steps do and is told when they may end.

const setup = JSON.parse(process.argv[2] ?? '') as ChildSetup
const tell = (told: FromChild): void => void process.send?.(told)

let release: () => void = () => undefined
const released = new Promise<void>((resolve) => (release = resolve))

/** Hold the main thread: no timer, no answer of the database, no signal gets through. */
function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

async function step(kind: string): Promise<string> {
  tell({ kind: 'entered', name: setup.name })
  if (kind === 'block') block(setup.blockMs)
  else await released
  tell({ kind: 'left', name: setup.name })
  return setup.name
}

const registry = registryOf({
  workflows: {
    inline: ({ workflow }, kind) => workflow.do('the step', () => step(String(kind))),
    rpc: ({ workflow }, kind) => workflow.do('the step', 'work', kind),
  },
  functions: { work: (_services, kind) => step(String(kind)) },
})

const service = new PgWorkflowService(setup.url, undefined, setup.place, {
  leaseMs: setup.leaseMs,
  timing: { sweepMs: 100, deathGraceMs: 200 },
  observer: { onEvent: ({ kind }) => tell({ kind: 'event', name: setup.name, event: kind }) },
})
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
service.bind({ workflowService: service, logger: quiet }, registry)

process.on('message', (told: ToChild) => {
  if (told.kind === 'release') release()
  else if (told.kind === 'start') {
    const started = service.startRun(told.workflow, told.input, { runId: told.runId })
    // How its run ends is read from the database.
    started.catch((error: unknown) => tell({ kind: 'error', name: setup.name, message: String(error) }))
  } else void service.close({ graceMs: 0 }).then(() => process.disconnect())
})
await service.init()
tell({ kind: 'ready', name: setup.name })
