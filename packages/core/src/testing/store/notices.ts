import assert from 'node:assert/strict'
import type { NoticeKind, NoticeListener, RunId, StorePorts } from '../../contract/index.ts'
import { until } from '../engine/until.ts'
import { freshId } from './given.ts'
import type { StoreTestGroup } from './world.ts'

interface Ear {
  readonly heard: RunId[]
  close(): Promise<void>
}

async function listen({ notices }: StorePorts): Promise<Ear> {
  const heard: RunId[] = []
  const { close } = await notices.subscribe({ onChanged: (runId) => heard.push(runId), onMissed: () => undefined })
  return { heard, close }
}

export const noticeTests: StoreTestGroup = {
  name: 'notices',
  tests: {
    'one process tells all, itself included': async (world) => {
      const other = await world.sibling()
      const [own, foreign] = await Promise.all([listen(world.ports), listen(other)])
      const runIds = [freshId('run'), `it's {odd}, "日本"`, 'x'.repeat(200)]
      await world.ports.notices.publish(runIds)
      await until('the own listener hears', () => runIds.every((runId) => own.heard.includes(runId)))
      if (world.ports.notices.live) {
        await until('the sibling hears', () => runIds.every((runId) => foreign.heard.includes(runId)))
      }
      await Promise.all([own.close(), foreign.close()])
    },
    'many notices at once all arrive': async (world) => {
      const other = await world.sibling()
      if (!world.ports.notices.live) return
      const ear = await listen(other)
      const runIds = Array.from({ length: 500 }, () => freshId('run'))
      await world.ports.notices.publish(runIds)
      await until('all are heard', () => new Set(ear.heard).size === runIds.length)
      await ear.close()
    },
    'progress is told from change, and who says both says change': async (world) => {
      const other = await world.sibling()
      const heard = new Map<RunId, Set<NoticeKind>>()
      const listener: NoticeListener = {
        onChanged: (runId, kind) => void heard.set(runId, new Set(heard.get(runId)).add(kind)),
        onMissed: () => undefined,
      }
      const ears = await Promise.all([world.ports, other].map(({ notices }) => notices.subscribe(listener)))
      const [moved, ended, both] = [freshId('run'), freshId('run'), freshId('run')]
      const { notices } = world.ports
      await Promise.all([notices.publish([both]), notices.publish([moved, both], 'progress'), notices.publish([ended])])
      await until('all are heard', () => [moved, ended, both].every((runId) => heard.has(runId)))
      await until('the change is heard', () => heard.get(both)?.has('changed') === true)
      assert.deepEqual([...(heard.get(moved) ?? [])], ['progress'])
      assert.deepEqual([...(heard.get(ended) ?? [])], ['changed'])
      await Promise.all(ears.map((ear) => ear.close()))
    },
    'a closed listener hears nothing more': async (world) => {
      const [closed, open] = await Promise.all([listen(world.ports), listen(world.ports)])
      await closed.close()
      await world.ports.notices.publish(['later'])
      await until('the open one hears', () => open.heard.includes('later'))
      assert.deepEqual(closed.heard, [])
      await open.close()
    },
    'no notices, nothing to tell': async (world) => {
      await world.ports.notices.publish([])
    },
  },
}
