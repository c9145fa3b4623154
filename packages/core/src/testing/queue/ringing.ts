import assert from 'node:assert/strict'
import type { Doorbell, QueueService, RunItem, StepItem, WorkItem, WorkflowQueues } from '../../contract/index.ts'
import { door, pause, until } from '../engine/until.ts'
import type { QueueTestGroup, QueueWorld } from './queue-world.ts'

const both = { run: 10, step: 10 }

function queuesOf(world: QueueWorld, name = ''): WorkflowQueues {
  return { orchestrator: world.queue(`turns${name}`), worker: world.queue(`steps${name}`) }
}

async function bellOf(world: QueueWorld): Promise<{ service: QueueService; doorbell: Doorbell }> {
  const service = await world.process()
  return { service, doorbell: service.doorbell(queuesOf(world)) }
}

function runItem(runId: string): RunItem {
  return { kind: 'run', runId, workflow: 'order' }
}

function stepItem(runId: string, over: Partial<StepItem> = {}): StepItem {
  return { kind: 'step', runId, step: { name: 's', ordinal: 0 }, rpcName: 'work', attempt: 1, dispatch: 0, ...over }
}

/** What a new process is handed. */
async function listen(world: QueueWorld, roles = both): Promise<WorkItem[]> {
  const heard: WorkItem[] = []
  const { doorbell } = await bellOf(world)
  await doorbell.answer(roles, async (item) => void heard.push(item))
  return heard
}

function keysOf(items: readonly WorkItem[]): string[] {
  return [...new Set(items.map((item) => JSON.stringify(item)))].sort()
}

const oddItems: readonly WorkItem[] = [
  runItem('run-1'),
  { kind: 'run', runId: 'a:b/c {日本} \'"%', workflow: 'žluť 👩‍👩‍👧' },
  runItem('run:1'),
  stepItem('42'),
  stepItem('b\n{c}\u2028👩‍🚀'),
  stepItem('run-1', { step: { name: 'a:b 👩‍👩‍👧 \'"', ordinal: 3 }, rpcName: 'näme', attempt: 2, dispatch: 7 }),
]

export const doorbellTests: QueueTestGroup = {
  name: 'doorbell',
  tests: {
    'takes items from one process to another, as they are': async (world) => {
      const heard = await listen(world)
      const { doorbell } = await bellOf(world)
      await doorbell.ring(oddItems)
      await until('all are heard', () => keysOf(heard).length >= oddItems.length)
      for (const item of oddItems) {
        assert.deepEqual(
          heard.find((one) => one.kind === item.kind && one.runId === item.runId),
          item,
        )
      }
    },

    'what was rung before anybody answered waits': async (world) => {
      const { service, doorbell } = await bellOf(world)
      await doorbell.ring([runItem('early'), stepItem('early')])
      await service.close()
      const heard = await listen(world)
      await until('both are heard', () => keysOf(heard).length === 2)
    },

    'of many, and many rings at once, none is missing': async (world) => {
      const heard = await Promise.all([listen(world), listen(world)])
      const { doorbell } = await bellOf(world)
      const items = Array.from({ length: 200 }, (_, i) => (i % 2 ? stepItem(`run-${i}`) : runItem(`run-${i}`)))
      await Promise.all(items.map((item) => doorbell.ring([item])))
      await until('all are heard', () => keysOf(heard.flat()).length === items.length)
    },

    'another attempt or dispatch of a step, and a run once more, are rung again': async (world) => {
      const heard = await listen(world)
      const { doorbell } = await bellOf(world)
      const steps = [stepItem('r'), stepItem('r', { attempt: 2 }), stepItem('r', { dispatch: 1 })]
      await doorbell.ring([...steps, runItem('r')])
      await until('each is heard', () => keysOf(heard).length === 4)
      const before = heard.length
      await doorbell.ring([runItem('r')])
      await until('the run is heard again', () => heard.length > before)
    },

    'hands over what the roles allow, as many at once as they say': async (world) => {
      const [turns, end] = [await listen(world, { run: 10, step: 0 }), door()]
      let [now, most, done] = [0, 0, 0]
      const { doorbell } = await bellOf(world)
      await doorbell.answer({ run: 0, step: 2 }, async ({ kind }) => {
        assert.equal(kind, 'step')
        most = Math.max(most, ++now)
        await end.opened
        now -= 1
        done += 1
      })
      await doorbell.ring(['a', 'b', 'c', 'd', 'e'].flatMap((runId) => [runItem(runId), stepItem(runId)]))
      await until('the runs are heard, and two steps are under way', () => turns.length >= 5 && now === 2)
      await pause(60)
      assert.equal(now, 2)
      end.open()
      await until('all steps are done', () => done >= 5)
      assert.equal(most, 2)
      assert.ok(turns.every(({ kind }) => kind === 'run'))
    },

    'stopped, it hands over nothing more, and what it left goes to others': async (world) => {
      const [begun, end] = [door(), door()]
      let handled = 0
      const { doorbell } = await bellOf(world)
      const answering = await doorbell.answer({ run: 1, step: 0 }, async () => {
        handled += 1
        begun.open()
        await end.opened
      })
      await doorbell.ring([runItem('first')])
      await begun.opened
      await doorbell.ring([runItem('second')])
      await answering.stop()
      await doorbell.ring([runItem('third')])
      end.open()
      const heard = await listen(world)
      await until('the others are heard', () => keysOf(heard).length === 2)
      assert.deepEqual(keysOf(heard), keysOf([runItem('second'), runItem('third')]))
      assert.equal(handled, 1)
    },

    'doorbells on other queues hear nothing of it': async (world) => {
      const { service, doorbell } = await bellOf(world)
      const others: WorkItem[] = []
      await service.doorbell(queuesOf(world, '-others')).answer(both, async (item) => void others.push(item))
      const heard = await listen(world)
      await doorbell.ring([runItem('here')])
      await until('it is heard', () => heard.length > 0)
      assert.deepEqual(others, [])
    },

    'after close it rejects': async (world) => {
      const { service, doorbell } = await bellOf(world)
      await doorbell.ring([runItem('r')])
      await service.close()
      await assert.rejects(doorbell.ring([runItem('r')]))
      await assert.rejects(doorbell.answer(both, async () => undefined))
    },
  },
}
