import type { WorkItem } from '../contract/index.ts'
import { describe, expect, it } from 'vitest'
import { fromMessage, toMessage } from './work-item-message.ts'

const run: WorkItem = { kind: 'run', runId: 'r', workflow: 'w' }
const step: WorkItem = {
  kind: 'step',
  runId: 'r',
  step: { name: 's', ordinal: 0 },
  rpcName: 'f',
  attempt: 1,
  dispatch: 0,
}

describe('work items as messages', () => {
  it('come back as they were', () => {
    expect(fromMessage(toMessage(run).data, 'run')).toEqual(run)
    expect(fromMessage(toMessage(step).data, 'step')).toEqual(step)
  })

  it('have a uuid: of its own for a run, of its key for a step', () => {
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
    expect(toMessage(run).id).toMatch(uuid)
    expect(toMessage(run).id).not.toBe(toMessage(run).id)
    expect(toMessage(step).id).toMatch(uuid)
    expect(toMessage(step).id).toBe(toMessage({ ...step, rpcName: 'other' }).id)
    const others: WorkItem[] = [
      { ...step, runId: 'R' },
      { ...step, step: { name: 's1', ordinal: 0 } },
      { ...step, step: { name: 's', ordinal: 10 } },
      { ...step, attempt: 10 },
      { ...step, attempt: 0, dispatch: 1 },
    ]
    expect(new Set([step, ...others].map((item) => toMessage(item).id)).size).toBe(6)
  })

  it('are taken only in the form and from the queue they belong to', () => {
    expect(fromMessage(run, 'step')).toBeUndefined()
    expect(fromMessage(step, 'run')).toBeUndefined()
    const forged: unknown[] = [null, 1, 'run', [], {}, { ...run, runId: '' }, { ...run, workflow: 1 }]
    for (const data of forged) expect(fromMessage(data, 'run')).toBeUndefined()
    for (const name of ['x'.repeat(513), 'a\0', '\ud800']) {
      expect(fromMessage({ ...run, workflow: name }, 'run')).toBeUndefined()
      expect(fromMessage({ ...run, runId: name }, 'run')).toBeUndefined()
      expect(fromMessage({ ...step, rpcName: name }, 'step')).toBeUndefined()
      expect(fromMessage({ ...step, step: { name, ordinal: 0 } }, 'step')).toBeUndefined()
    }
    const bent = [
      { attempt: -1 },
      { dispatch: 2 ** 31 },
      { dispatch: 0.5 },
      { attempt: '1' },
      { step: { name: 's' } },
      { step: null },
    ]
    for (const change of bent) expect(fromMessage({ ...step, ...change }, 'step')).toBeUndefined()
  })

  it('bring nothing along that does not belong to them', () => {
    expect(fromMessage({ ...run, held: true, extra: 1 }, 'run')).toEqual(run)
  })
})
