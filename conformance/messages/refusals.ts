import net from 'node:net'
import { inspect } from 'node:util'
import { createRpc } from '@pikku/core'
import type { QueueService } from '@pikku/core/contract'
import type { QueueWorkers, WorkflowService } from '@pikku/core/service'
import { expect, onTestFinished } from 'vitest'
import { describeError, Notebook } from './notebook.ts'

/** Whoever shows a password shows this one. */
export const password = 'Pa55-w0rd'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** An app's services, made of a URL. */
export interface Makers {
  workflowService(url: string, queueService: QueueService): WorkflowService
  queueService(url: string): QueueService & { init(): Promise<void>; close(): Promise<void> }
  workers(services: { workflowService: WorkflowService; queueService: QueueService }): QueueWorkers
}

/**
 * What each thing that a person could do first with a server rejects with, on one that does not let it. `but`: those
 * that it does let.
 */
export async function refusals(
  makers: Makers,
  url: string,
  but: readonly string[] = [],
): Promise<[given: string, error: unknown][]> {
  const queueService = makers.queueService(url)
  const workflowService = makers.workflowService(url, queueService)
  onTestFinished(async () => {
    await workflowService.close()
    await queueService.close()
  })
  const services = { workflowService, queueService, logger: quiet }
  const rpc = createRpc(services)
  const acts: Record<string, () => Promise<unknown>> = {
    'workflowService.init()': () => workflowService.init(),
    "workflowService.getRun('x')": () => workflowService.getRun('x'),
    "rpc.startWorkflow('echo', 1)": () => rpc.startWorkflow('echo', 1),
    'workers.registerQueues()': () => makers.workers(services).registerQueues(),
    'queueService.init()': () => queueService.init(),
    "queueService.add('mail', 1)": () => queueService.add('mail', 1),
  }
  const refused = Object.entries(acts).filter(([given]) => !but.includes(given))
  const outcomes = refused.map(async ([given, act]): Promise<[string, unknown]> => {
    const error = await act().then(() => expect.fail(`not refused: ${given}`), (thrown: unknown) => thrown) // prettier-ignore
    // As `console.error` shows it, with its cause and every field.
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(password)
    return [given, error]
  })
  return Promise.all(outcomes)
}

/** All at once, because whoever cannot be reached is tried again for a while; noted in order. */
export async function refuseEverything(
  notes: Notebook,
  makers: Makers,
  urls: Readonly<Record<string, string>>,
): Promise<void> {
  const all = await Promise.all(Object.values(urls).map((url) => refusals(makers, url)))
  for (const [index, what] of Object.keys(urls).entries()) {
    for (const [given, error] of all[index]!) notes.add(`${what}: ${given}`, describeError(error))
  }
}

/** A notebook that tells ports and addresses of one machine from no other's. */
export function notebook(ports: readonly number[]): Notebook {
  return new Notebook([
    ...ports.map((port, index) => [new RegExp(String(port), 'g'), `<port ${index + 1}>`] as const),
    [/127\.0\.0\.1:/g, '<localhost>:'],
    // What a machine without a name server says.
    [/EAI_AGAIN/g, 'ENOTFOUND'],
    // Redis says these in other words from one version to the next.
    [/NOPERM .*?(?='\w+' command)/g, 'NOPERM … '],
    [/NOAUTH HELLO must .*/g, 'NOAUTH …'],
    [/WRONGPASS .*/g, 'WRONGPASS …'],
  ])
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = net.createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as net.AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
