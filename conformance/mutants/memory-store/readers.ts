import type { StoreMutants } from '../mutant.ts'

type Reading = 'getRun' | 'listSteps' | 'listAttempts' | 'listRuns' | 'deleteRuns' | 'migrate'

export const readerMutants: Pick<StoreMutants, Reading> = {
  getRun: [
    {
      what: 'shows no end',
      change: {
        'memory-changes.ts': { 'createdAt, updatedAt, endedAt }\n}': 'createdAt, updatedAt, endedAt: null }\n}' },
      },
      caughtBy: 'commitRun › F17: the end is final',
    },
    {
      what: 'shows no parent',
      change: {
        'memory-changes.ts': { 'reason, parent, crashes }\n  return': 'reason, parent: null, crashes }\n  return' },
      },
      caughtBy: 'commitRun › steps are scheduled, and rpc steps and children rung',
    },
    {
      what: 'shows a run as it was when somebody claimed it last',
      change: { 'memory-rules.ts': { 'run.revision += 1\n  run.updatedAt = tables.now()': 'run.revision += 1' } },
      caughtBy: 'reader › updatedAt tells when something last happened to a run',
    },
  ],
  listSteps: [
    {
      what: 'lists steps as they settled',
      change: {
        'memory-reader.ts': {
          'return [...(tables.runs.get(runId)?.steps.values() ?? [])].map(':
            'return [...(tables.runs.get(runId)?.steps.values() ?? [])].sort((a, b) => a.revision - b.revision).map(',
        },
      },
      caughtBy: 'reader › steps are listed in the order they were asked for, with what a person wants to see',
    },
    {
      what: "keeps a child's input to itself",
      change: { 'memory-reader.ts': { '(tables.runs.get(step.childId)?.input ?? null)': 'null' } },
      caughtBy: 'reader › steps are listed in the order they were asked for, with what a person wants to see',
    },
    {
      what: 'does not say who works',
      change: {
        'memory-reader.ts': {
          'inputOf(tables, step), createdAt, startedAt, worker }':
            'inputOf(tables, step), createdAt, startedAt, worker: null }',
        },
      },
      caughtBy: 'reader › steps are listed in the order they were asked for, with what a person wants to see',
    },
  ],
  listAttempts: [
    {
      what: 'lists attempts step by step',
      change: {
        'memory-reader.ts': { '.sort((a, b) => a.revision - b.revision).map(({ attempt })': '.map(({ attempt })' },
      },
      caughtBy: 'reader › F61: every attempt is on record, in the order they ended',
    },
    {
      what: 'lists the last attempt of each step only',
      change: { 'memory-reader.ts': { 'return [...earlier, ...settledAttempts(run)]': 'return settledAttempts(run)' } },
      caughtBy: 'reader › F61: every attempt is on record, in the order they ended',
    },
    {
      what: 'lists the ends of waits',
      change: { 'memory-reader.ts': { "if (step.kind !== 'rpc' && step.kind !== 'inline') continue": '' } },
      caughtBy: 'reader › F61: every attempt is on record, in the order they ended',
    },
  ],
  listRuns: [
    {
      what: 'lists the oldest first',
      change: { 'memory-reader.ts': { 'b.place - a.place': 'a.place - b.place' } },
      caughtBy: 'reader › runs are listed newest first, page by page',
    },
    {
      what: 'counts pages from the newest',
      change: {
        'memory-reader.ts': {
          'run.place < before && matches': 'matches',
          'found.slice(0, query.limit)':
            'found.slice(Number(query.cursor ?? 0), Number(query.cursor ?? 0) + query.limit)',
          'String(last.place)': 'String(page.length)',
        },
      },
      caughtBy: 'reader › a page is stable under inserts',
    },
    {
      what: 'promises a page after the last',
      change: { 'memory-reader.ts': { 'found.length > page.length': 'found.length >= page.length' } },
      caughtBy: 'reader › an exact page is the last one',
    },
    {
      what: 'is content with one of the tags',
      change: { 'memory-reader.ts': { '(query.tags ?? []).every(': '(query.tags ?? [""]).some(' } },
      caughtBy: 'reader › runs are found by workflow, status, tags and time',
    },
    {
      what: 'takes no statuses for all',
      change: { 'memory-reader.ts': { 'query.statuses === undefined ||': '!query.statuses?.length ||' } },
      caughtBy: 'reader › runs are found by workflow, status, tags and time',
    },
    {
      what: 'counts the bounds in',
      change: { 'memory-reader.ts': { 'run.createdAt > query.createdAfter': 'run.createdAt >= query.createdAfter' } },
      caughtBy: 'reader › runs are found by workflow, status, tags and time',
    },
  ],
  deleteRuns: [
    {
      what: 'deletes what goes on',
      change: {
        'memory-reader.ts': {
          'isEnded(run.status) && (which.statuses': '(which.statuses',
          '(run.endedAt ?? Infinity) <': '(run.endedAt ?? 0) <',
        },
      },
      caughtBy: 'admin › F45: ended runs are deleted with every trace, oldest first',
    },
    {
      what: 'knows no limit',
      change: { 'memory-reader.ts': { '.slice(0, which.limit)\n': '\n' } },
      caughtBy: 'admin › F45: ended runs are deleted with every trace, oldest first',
    },
    {
      what: 'deletes the newest first',
      change: { 'memory-reader.ts': { '(a.endedAt ?? 0) - (b.endedAt ?? 0)': '(b.endedAt ?? 0) - (a.endedAt ?? 0)' } },
      caughtBy: 'admin › F45: ended runs are deleted with every trace, oldest first',
    },
    {
      what: 'deletes whatever the status',
      change: { 'memory-reader.ts': { ' && (which.statuses?.includes(run.status) ?? true)': '' } },
      caughtBy: 'admin › only the given statuses are deleted',
    },
    {
      what: 'leaves a trace of signals',
      change: {
        'memory-reader.ts': {
          'for (const run of ended) tables.runs.delete(run.runId)':
            'for (const run of ended) { tables.runs.delete(run.runId); traces.set(run.runId, run.signals) }',
          'export function deleteRuns(':
            'const traces = (globalThis as { traces?: Map<string, unknown> }).traces ??= new Map()\n\nexport function deleteRuns(',
        },
        'memory-rules.ts': {
          'signals: new Map(),':
            'signals: (globalThis as { traces?: Map<string, RunRow["signals"]> }).traces?.get(run.runId) ?? new Map(),',
        },
      },
      caughtBy: 'admin › a deleted id is free again, with nothing left of before',
    },
    {
      what: 'deletes what began first',
      change: { 'memory-reader.ts': { '(a.endedAt ?? 0) - (b.endedAt ?? 0)': 'a.place - b.place' } },
      caughtBy: 'admin › what ended first is deleted first, and only what ended before',
    },
  ],
  migrate: [
    {
      what: 'begins anew',
      change: {
        'memory-store.ts': {
          'return this.#read(() => undefined)': 'return this.#read((tables) => tables.runs.clear())',
        },
      },
      caughtBy: 'admin › F53: migrating again, from many processes at once, changes nothing',
    },
    {
      what: 'touches what is there',
      change: {
        'memory-store.ts': {
          'return this.#read(() => undefined)':
            'return this.#read((tables) => { for (const run of tables.runs.values()) run.updatedAt += 1 })',
        },
      },
      caughtBy: 'admin › F53: migrating again, from many processes at once, changes nothing',
    },
  ],
}
