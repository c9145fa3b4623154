// Leaves runs half-finished, by processes that are killed, and writes what is in the store then:
//   node --conditions=pikku-source conformance/upgrades/record.ts pg issue-2
//   node --conditions=pikku-source conformance/upgrades/record.ts redis layout-1
// To be run in a checkout of the version whose data it is to be, with this folder copied into it.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { WorkflowService } from '@pikku/core/service'
import { halfFinished, registryOf, type Process } from './app.ts'
import { openService, silent, type StoreName } from './stores.ts'

const [store, label, role, name = `upgrade_${process.pid}`] = process.argv.slice(2) as [
  StoreName,
  string,
  Process?,
  string?,
]
const starts: Partial<Record<Process, readonly string[]>> = {
  first: ['diverging'],
  doomed: Object.keys(halfFinished).filter((runId) => runId !== 'diverging' && runId !== 'only started'),
}
/** A queue that takes every message and hands on none. */
const deaf = {
  add: () => undefined,
  consume: () => undefined,
  doorbell: () => ({ ring: () => Promise.resolve() }),
  init: () => Promise.resolve(),
}

/** One of the processes that are killed. */
async function beKilled(as: Process): Promise<void> {
  const service = await openService(store, name)
  service.bind({ workflowService: service, logger: silent }, registryOf(as))
  for (const runId of starts[as] ?? []) {
    const { workflow, input } = halfFinished[runId] ?? {}
    // Its end is for another process to see.
    void service.startRun(workflow ?? '', input, { runId })
    if (as === 'doomed') await until(service, runId)
  }
  process.send?.('ready')
}

/** The run is where it is to be left. */
async function until(service: WorkflowService, runId: string): Promise<void> {
  const { left = [], message, status: end } = halfFinished[runId] ?? {}
  for (;;) {
    const steps = (await service.listSteps(runId)).map(({ stepName, status }) => `${stepName} ${status}`).sort()
    const run = await service.getRun(runId)
    if (run !== null && runId === 'cancelled from outside' && steps.length === 2) {
      await service.cancelRun(runId, message)
    }
    const isLeft = JSON.stringify(steps) === JSON.stringify([...left].sort())
    if (isLeft && (left.some((step) => !step.endsWith('succeeded')) || run?.status === end || left.length === 1)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function start(as: Process): ChildProcess {
  return fork(import.meta.filename, [store, label, as, name], { execArgv: ['--conditions=pikku-source'] })
}

async function leaveAll(): Promise<void> {
  const service = await openService(store, name, { queue: deaf as never })
  service.bind({ workflowService: service, logger: silent }, registryOf('doomed'))
  await service.init()
  const status = async (runId: string): Promise<string | undefined> => (await service.getRun(runId))?.status
  const first = start('first')
  while ((await service.listSteps('diverging')).length < 2) await new Promise((resolve) => setTimeout(resolve, 50))
  await kill(first)
  const renamed = start('renamed')
  while ((await status('diverging')) !== 'suspended') await new Promise((resolve) => setTimeout(resolve, 50))
  await kill(renamed)
  const doomed = start('doomed')
  await once(doomed, 'message')
  await kill(doomed)
  const { workflow = '', input } = halfFinished['only started'] ?? {}
  await service.startRun(workflow, input, { runId: 'only started' })
  await service.close()
}

/** Stacks say where the code lay. */
function somewhere(dump: string): string {
  return dump.replaceAll(fileURLToPath(new URL('../../', import.meta.url)), '/app/')
}

async function writeDump(): Promise<void> {
  const file = new URL(`${store}-${label}.${store === 'pg' ? 'sql' : 'json'}`, import.meta.url)
  if (existsSync(file)) throw new Error(`${file.pathname} is there: what is recorded stays as it is`)
  await leaveAll()
  if (store === 'pg') {
    const [{ dumpSchema, openSql }, { migrationPlan }] = await Promise.all([
      import('./dump-pg.ts'),
      import('@pikku/pg'),
    ])
    const sql = openSql()
    writeFileSync(file, somewhere(await dumpSchema(sql, name, migrationPlan(name))))
    await sql.unsafe(`drop schema "${name}" cascade`)
    await sql.end()
  } else {
    const { dumpKeys, openRedis, removeKeys } = await import('./dump-redis.ts')
    const redis = openRedis()
    writeFileSync(file, `${somewhere(JSON.stringify(await dumpKeys(redis, name), null, 1))}\n`)
    await removeKeys(redis, name)
    redis.disconnect()
  }
}

if (role) await beKilled(role)
else await writeDump()
