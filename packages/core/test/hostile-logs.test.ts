import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import type { WorkflowEvent } from '../src/contract/index.ts'
import { createRegistry, defineWorkflow, type WorkflowConfig, type WorkflowContext } from '../src/define/index.ts'
import { createReport } from '../src/engine/report.ts'
import { memoryPorts, MemoryTables } from '../src/memory/index.ts'
import { WorkflowService } from '../src/service/index.ts'
import { AppLogger } from '../src/service/app-logger.ts'

const nasty = 'x\r\n2026-01-01 ERROR you have been had\u001b[2J\u001b]0;title\u0007\u009b1m\u2028\u202egpj.exe\ud800\0'
const breaksOut = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constant(nasty),
  fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)),
)

afterEach(() => vi.restoreAllMocks())

function recorded(): { lines: string[]; logger: Record<'debug' | 'info' | 'warn' | 'error', (line: string) => void> } {
  const lines: string[] = []
  const record = (line: string): void => void lines.push(line)
  return { lines, logger: { debug: record, info: record, warn: record, error: record } }
}

test('whatever an event holds is told in one line', () => {
  const event = fc.oneof(
    fc.record({ runId: anyText, during: anyText, error: fc.oneof(anyText.map((text) => new Error(text)), anyText) })
      .map((told): WorkflowEvent => ({ kind: 'trouble', ...told })),
    fc.record({ runId: anyText, workflow: anyText, reason: fc.oneof(anyText, fc.constant(null)) })
      .map((told): WorkflowEvent => ({ kind: 'run-suspended', ...told })),
  ) // prettier-ignore
  fc.assert(
    fc.property(event, (told) => {
      const { lines, logger } = recorded()
      const onEvent = (): never => {
        throw new Error(nasty)
      }
      createReport({ onEvent }, () => logger)(told)
      expect(lines).toHaveLength(2)
      expect(lines.filter((line) => breaksOut.test(line) || !line.isWellFormed())).toEqual([])
    }),
  )
})

test('what a store tells before and after the app is known is one line each', () => {
  const told = ['warn', 'error'] as const
  const onConsole = told.map((level) => vi.spyOn(console, level).mockReturnValue())
  const logger = new AppLogger()
  for (const level of told) logger[level](nasty)
  for (const spy of onConsole) expect(spy.mock.calls.flat().filter((line) => breaksOut.test(String(line)))).toEqual([])
  const { lines, logger: app } = recorded()
  logger.use({ logger: app })
  for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level](nasty)
  expect(lines).toHaveLength(4)
  expect(lines.filter((line) => breaksOut.test(line))).toEqual([])
})

test('names and errors of a run that ends badly reach the logger escaped', async () => {
  const name = nasty.replaceAll('\0', '').toWellFormed()
  const { lines, logger } = recorded()
  const tables = new MemoryTables()
  const body = async (workflow: WorkflowContext): Promise<unknown> => {
    await workflow.do(name, async () => 1)
    return workflow.sleep(name, '1h')
  }
  const open = (func: (workflow: WorkflowContext) => unknown): WorkflowService => {
    const service = new WorkflowService(memoryPorts(tables), undefined, { timing: { replayGraceMs: 50 } })
    const workflow = (services: object): unknown => func((services as { workflow: WorkflowContext }).workflow)
    Object.defineProperty(workflow, 'toString', { value: () => String(func) })
    const wiring = { name, func: defineWorkflow(workflow) as WorkflowConfig }
    service.bind({ workflowService: service, logger }, createRegistry({ workflows: [wiring] }))
    return service
  }
  const before = open(body)
  void before.startRun(name, null, { runId: name }).catch(() => undefined) // its process is closed before it ends
  await expect.poll(async () => (await before.listSteps(name)).length).toBe(2)
  await before.close({ graceMs: 0 })
  const after = open(async (workflow) => workflow.do(`${name}!`, async () => 2))
  await after.resumeRun(name)
  await expect.poll(async () => (await after.getRun(name))?.status).toBe('suspended')
  await after.close({ graceMs: 0 })
  expect(lines.some((line) => line.includes('is suspended: the code does not fit'))).toBe(true)
  expect(lines.filter((line) => breaksOut.test(line))).toEqual([])
})
