import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Notebook } from '../messages/notebook.ts'
import { worlds, type World } from '../worlds.ts'
import { openApp, type HostileApp, type Parts } from './apps.ts'
import { endOf } from './ends.ts'
import { pointedTexts, times, timeout } from './arbitraries.ts'
import { editorOf, type Editor } from './edit.ts'

/** Quick in what takes its time in an app: giving up on a history, and on a step. */
const quick = { timing: { troubleDelayMs: 50, replayGraceMs: 300, leaseMs: 400, sweepMs: 100, redispatchAfterMs: 300 } }

/** Two results, an error and an open step that ends once somebody opens the gate. */
function partsWith(gate: 'open' | 'shut', calls: string[] = []): Parts {
  return {
    functions: {
      first: (_data, { workflowStep }) => {
        calls.push(`first ${workflowStep?.runId}`)
        return 1
      },
      refuse: () => {
        throw new Error('refused')
      },
      gate: async (_data, { workflowStep }) => {
        if (gate === 'open') return 'through'
        await new Promise((resolve) => workflowStep?.signal.addEventListener('abort', resolve))
        throw new Error('told to stop')
      },
    },
    workflows: {
      edited: async (workflow, input: unknown) => {
        const first = await workflow.do('First', 'first', { of: 'First' })
        const second = await workflow.do('Second', () => 2)
        const error = await workflow.do('Refused', 'refuse').catch((thrown: unknown) => thrown)
        const gate = await workflow.do('Gate', 'gate', { wait: true })
        return { input, first, second, error: error instanceof Error ? error.message : 'no error', gate }
      },
    },
  }
}

const untouched = { input: 'in', first: 1, second: 2, error: 'refused', gate: 'through' }

/** Of runs and of steps, on either store; what a row does not have is refused, or does nothing. */
const fields = [
  ...['output', 'error', 'reason', 'status', 'kind', 'rpc_name', 'input', 'input_digest', 'settled_seq', 'revision', 'asked_after'],
  ...['attempt', 'lost', 'epoch', 'dispatches', 'dispatch', 'owner', 'worker', 'claim_id', 'wake_seq', 'read_wake_seq', 'crashes'],
  ...['workflow', 'turn', 'rings', 'tags', 'blocked', 'halted', 'lease_until', 'due_at', 'rung_at', 'again_at', 'indexed', 'places'],
  ...['attempts', 'turn_claim', 'turn_places', 'node', 'floor', 'created_at', 'updated_at', 'parent_id', 'retries', 'retry_delay_ms'],
] // prettier-ignore

let world: World
let editor: Editor

/** These runs, each waiting at its gate, and nobody at work. */
async function startAtGate(ids: readonly string[]): Promise<void> {
  const app = await openApp(world, partsWith('shut'), { steps: 100 })
  try {
    await Promise.all(ids.map((runId) => app.service.startRun('edited', 'in', { runId })))
    for (const id of ids) {
      const waits = async (): Promise<boolean> =>
        (await app.service.listSteps(id)).some(({ stepName, status }) => stepName === 'Gate' && status === 'running')
      await expect.poll(waits, { timeout: 20_000, message: `run ${id} is not at its gate` }).toBe(true)
    }
  } finally {
    await app.close()
  }
}

/** An app whose gate is open, until the test is over, however it ends. */
async function opened(parts: Parts): Promise<HostileApp> {
  const app = await openApp(world, parts, quick)
  onTestFinished(() => app.close())
  return app
}

/** What an edit came to: the output, or the status and what is said about it. */
async function outcomeOf({ service }: HostileApp, runId: string): Promise<string> {
  const status = await endOf(service, runId, 30_000)
  const run = await service.getRun(runId)
  return status === 'completed' ? `completed: ${JSON.stringify(run?.output)}` : `${status}: ${run?.error?.message}`
}

describe.each(worlds)('rows edited by hand on $name', ({ openWorld }) => {
  beforeAll(async () => {
    world = await openWorld()
    editor = editorOf(world)
  })
  afterAll(() => world?.drop())

  test('an edited result is used, anything else suspends the run and says why; the neighbours go on', async () => {
    const { setStep, setRun, deleteStep } = editor
    const edits: Readonly<Record<string, (id: string) => Promise<void>>> = {
      'another result': (id) => setStep(id, 'First', { output: '[99]' }),
      'another result of an inline step': (id) => setStep(id, 'Second', { output: '["two"]' }),
      'no result': (id) => setStep(id, 'First', { output: null }),
      'a result that is no value': (id) => setStep(id, 'First', { output: 'garbage' }),
      'a result of JSON as people write it': (id) => setStep(id, 'Second', { output: '{"a":1}' }),
      'a result that would pollute': (id) => setStep(id, 'First', { output: '[{"__proto__":1},{"polluted":2},true]' }),
      'a result of a class nobody has': (id) => setStep(id, 'First', { output: '[["Class",1],["Nobody",0]]' }),
      'an error that is no error': (id) => setStep(id, 'Refused', { error: '[5]' }),
      'an error that is no value': (id) => setStep(id, 'Refused', { error: '<nothing>' }),
      'a failed step that succeeded': (id) => setStep(id, 'Refused', { status: 'succeeded', error: null, output: '["fine"]' }),
      'a status nobody knows': (id) => setStep(id, 'First', { status: 'banana\n\u001b[31m' }),
      'a status that is not over': (id) => setStep(id, 'Second', { status: 'scheduled' }),
      'an end without a place in the order': (id) => setStep(id, 'First', { settled_seq: null }),
      'another place in the order': (id) => setStep(id, 'First', { settled_seq: 999 }),
      'another function': (id) => setStep(id, 'First', { rpc_name: 'refuse' }),
      'another digest of the input': (id) => setStep(id, 'First', { input_digest: 'edited' }),
      'another kind': (id) => setStep(id, 'First', { kind: 'banana' }),
      'an input of the run that is no value': (id) => setRun(id, { input: 'garbage' }),
      'another input of the run': (id) => setRun(id, { input: '["edited"]' }),
      'an input of the open step that is no value': (id) => setStep(id, 'Gate', { input: 'garbage' }),
      'no row of a step': (id) => deleteStep(id, 'First'),
    } // prettier-ignore
    const neighbours = ['neighbour 1', 'neighbour 2', 'neighbour 3']
    await startAtGate([...Object.keys(edits), ...neighbours])
    for (const [id, edit] of Object.entries(edits)) await edit(id)
    const calls: string[] = []
    const app = await opened(partsWith('open', calls))
    for (const id of neighbours) expect(await app.service.waitForRun(id, { timeout: '20s' })).toEqual(untouched)
    const notes = new Notebook()
    const outcomes = await Promise.all(Object.keys(edits).map((id) => outcomeOf(app, id)))
    for (const [index, id] of Object.keys(edits).entries()) notes.add(id, outcomes[index] ?? '')
    await notes.check('edited-history')
    expect(calls).toEqual([])
    expect(app.lines.filter((line) => /\p{Cc}/u.test(line))).toEqual([])
    // Mended, it goes on.
    await setStep('a result that is no value', 'First', { output: '[7]' })
    await app.service.resumeRun('a result that is no value')
    expect(await outcomeOf(app, 'a result that is no value')).toBe(
      `completed: ${JSON.stringify({ ...untouched, first: 7 })}`,
    )
  })

  test('values that cannot be read hide no other run, and the error says which', async () => {
    const app = await opened(partsWith('open'))
    await Promise.all(['spoilt', 'sound'].map((runId) => app.service.startRun('edited', 'in', { runId })))
    for (const id of ['spoilt', 'sound']) await endOf(app.service, id)
    await editor.setRun('spoilt', { output: 'garbage' })
    await editor.setStep('spoilt', 'Second', { output: 'garbage' })
    // PostgreSQL knows what a list of tags is.
    if (world.raw.kind === 'redis') await editor.setRun('spoilt', { tags: 'garbage' })
    const message = /^the (result of step 'Second'|output of run 'spoilt') cannot be read: it was not written by this/
    const unreadable = expect.objectContaining({ message: expect.stringMatching(message) })
    expect(await app.service.getRun('spoilt')).toMatchObject({ status: 'completed', input: 'in', output: unreadable })
    const history = await app.service.getRunHistory('spoilt')
    expect(history.map(({ result }) => result)).toEqual([1, unreadable, undefined, 'through'])
    await expect(app.service.waitForRun('spoilt', { timeout: '5s' })).rejects.toThrow(message)
    const { runs } = await app.service.listRuns({ status: 'completed' })
    expect(runs.find(({ id }) => id === 'sound')?.output).toEqual(untouched)
    expect(runs.find(({ id }) => id === 'spoilt')?.output).toEqual(unreadable)
    expect(await app.service.deleteRuns({ finishedBefore: new Date(Date.now() + 60_000) })).toBeGreaterThanOrEqual(2)
    expect(await app.service.getRun('spoilt')).toBeNull()
  })

  test('whatever is written over whatever field, the neighbours go on and nothing is poisoned', { timeout }, async () => {
    const numbers = fc.oneof(fc.integer(), fc.constantFrom(-1, 0, 2 ** 31 - 1, 2 ** 53, -(2 ** 53)))
    const texts = fc.oneof(fc.constantFrom(...pointedTexts, '', '[1]', 'null'), fc.string({ maxLength: 20 }).filter((t) => !t.includes('\0')))
    const field = fc.constantFrom(...fields)
    const value = fc.oneof(fc.constant(null), numbers, texts)
    const edit = fc.record({ of: fc.constantFrom('run', 'First', 'Second', 'Refused', 'Gate'), field, value })
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 25, maxLength: 25 }), async (edits) => {
        const salt = `fuzz ${round++}`
        const ids = edits.map((_, index) => `${salt} ${index}`)
        const neighbours = [0, 1, 2].map((index) => `${salt} neighbour ${index}`)
        await startAtGate([...ids, ...neighbours])
        for (const [index, { of, field, value }] of edits.entries()) {
          const id = ids[index] ?? ''
          const written = of === 'run' ? editor.setRun(id, { [field]: value }) : editor.setStep(id, of, { [field]: value })
          // The database may know better: a column that takes no such value, or that is not there.
          await written.catch((error: unknown) => expect(error).toBeInstanceOf(Error))
        }
        const app = await openApp(world, partsWith('open'), quick)
        try {
          for (const id of neighbours) expect(await app.service.waitForRun(id, { timeout: '20s' })).toEqual(untouched)
          const { runId } = await app.service.startRun('edited', 'in')
          expect(await app.service.waitForRun(runId, { timeout: '20s' })).toEqual(untouched)
          await app.service.listRuns({ limit: 1_000 })
          expect(app.lines.filter((line) => /\p{Cc}/u.test(line))).toEqual([])
        } finally {
          await app.close()
        }
      }),
      { numRuns: 2 * times, endOnFailure: true },
    )
  }) // prettier-ignore
})
