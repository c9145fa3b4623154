import assert from 'node:assert/strict'
import { claim, completed, freshId, minute, newRun, runItems } from './given.ts'
import type { StoreTestGroup } from './world.ts'

const oddTexts: Readonly<Record<string, string>> = {
  empty: '',
  'falsy values': '0',
  false: 'false',
  null: 'null',
  'an empty list': '[]',
  'an empty object': '{}',
  'a number no double holds': '9007199254740993',
  'escaped controls': '"\\u0000 \\ud800"',
  controls: '\u0001\u001f\t\n\r\u007f\u0085\u2028',
  quotes: `'"\\'';--$1 %s \${x} {"a":1}`,
  unicode: 'žluťoučký 日本語 👩‍👩‍👧‍👦 e\u0301 \u00e9 \ufeff',
  'not json': 'v1:AAECAw==',
  spaces: '  both ends  ',
}

export const createRunTests: StoreTestGroup = {
  name: 'createRun',
  tests: {
    'a new run is running and rings': async ({ store, reader }) => {
      const given = newRun({ tags: ['b', 'a', 'ž "x"'] })
      const { run, created, wake } = await store.createRun(given)
      assert.equal(created, true)
      assert.deepEqual(wake, [{ kind: 'run', runId: given.runId, workflow: given.workflow }])
      const { status, output, error, reason, parent, crashes, endedAt } = run
      assert.deepEqual(
        { status, output, error, reason, parent, crashes, endedAt },
        { status: 'running', output: null, error: null, reason: null, parent: null, crashes: 0, endedAt: null },
      )
      assert.deepEqual(run.tags, given.tags)
      assert.deepEqual(await reader.getRun(given.runId), run)
    },
    'F28 F29 F30 F31: payloads come back exactly as they were given': async ({ store, reader }) => {
      for (const [what, input] of Object.entries(oddTexts)) {
        const { run } = await store.createRun(newRun({ input, inputDigest: input }))
        const read = await reader.getRun(run.runId)
        assert.equal(read?.input, input, what)
        assert.equal(read.inputDigest, input, what)
      }
    },
    'a payload of 1 MiB comes back exactly': async ({ store, reader }) => {
      const input = 'é😀"\\'.repeat(2 ** 20 / 8)
      const { run } = await store.createRun(newRun({ input }))
      assert.ok((await reader.getRun(run.runId))?.input === input)
    },
    'F33: any text up to 200 characters is an id': async ({ store, reader }) => {
      const runIds = ['not-a-uuid', 'a:b/c d', `'; drop table runs; --`, '%_*?[]', '日本', '42', 'x'.repeat(200), ' ']
      for (const runId of runIds) {
        assert.equal(await reader.getRun(runId), null)
        await store.createRun(newRun({ runId }))
        assert.equal((await reader.getRun(runId))?.runId, runId)
      }
    },
    'ids that differ in case or accent are different runs': async ({ store }) => {
      for (const runId of ['Run', 'run', 'e\u0301', '\u00e9']) {
        assert.equal((await store.createRun(newRun({ runId }))).created, true)
      }
    },
    'F63: a known id answers the run that has it, and changes nothing': async ({ store, reader }) => {
      const first = await store.createRun(newRun())
      const again = await store.createRun(newRun({ runId: first.run.runId, input: '"other"', inputDigest: 'other' }))
      assert.equal(again.created, false)
      assert.deepEqual(again.run, first.run)
      assert.deepEqual(await reader.getRun(first.run.runId), first.run)
    },
    'A13: a known id rings again': async ({ store }) => {
      const given = newRun()
      const first = await store.createRun(given)
      const again = await store.createRun(given)
      assert.deepEqual(again.wake, first.wake)
    },
    'an ended run is not rung': async ({ store }) => {
      const given = newRun()
      await completed(store, given)
      const again = await store.createRun(given)
      assert.deepEqual([again.created, again.wake, again.run.status], [false, [], 'completed'])
    },
    'a run that is held is rung as held': async ({ store }) => {
      const given = newRun()
      await store.createRun(given)
      await claim(store, given.runId, { leaseMs: minute })
      assert.equal(runItems((await store.createRun(given)).wake)[0]?.held, true)
    },
    'of twenty concurrent creations of one id, one creates': async (world) => {
      const other = (await world.sibling()).store
      const given = newRun()
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => (i % 2 ? world.store : other).createRun(given)),
      )
      assert.equal(answers.filter(({ created }) => created).length, 1)
      for (const { run } of answers) assert.equal(run.runId, given.runId)
    },
    'many creations in one event-loop turn are each answered with their own run': async ({ store, reader }) => {
      const given = Array.from({ length: 100 }, (_, i) => newRun({ input: `"${i}"`, tags: [`t${i}`] }))
      const twice = newRun({ runId: given[7]?.runId ?? '', input: '"twice"' })
      const answers = await Promise.all([...given, twice].map((run) => store.createRun(run)))
      answers.slice(0, 100).forEach(({ run }, i) => assert.equal(run.runId, given[i]?.runId))
      assert.equal(answers.filter(({ created }) => created).length, 100)
      assert.equal((await reader.getRun(given[99]?.runId ?? ''))?.input, '"99"')
    },
    'A10: an answer to one caller does not depend on what another asked in the same turn': async ({
      store,
      reader,
    }) => {
      const huge = newRun({ input: 'x'.repeat(3 * 2 ** 20) })
      const small = Array.from({ length: 10 }, () => newRun())
      const answers = await Promise.allSettled([huge, ...small].map((run) => store.createRun(run)))
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set(['fulfilled']))
      assert.equal((await reader.getRun(huge.runId))?.input.length, huge.input.length)
    },
    'a sibling sees a run at once': async (world) => {
      const other = await world.sibling()
      const { run } = await world.store.createRun(newRun({ runId: freshId('seen') }))
      assert.deepEqual(await other.reader.getRun(run.runId), run)
    },
  },
}
