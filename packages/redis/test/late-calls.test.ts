import { describe, test } from 'vitest'
import { defineModelTests } from '@pikku/core/testing'
import type { RedisLink, Reply } from '../src/connection.ts'
import type { ScriptName } from '../src/scripts.gen.ts'
import { openLinked } from './link-harness.ts'

/**
 * What may come late. Not a claim: one that comes after its run was claimed and left by another is a new one, whose lease
 * runs out. Not a resume, and not what tells a parent of its child's end: that rings twice.
 */
const late = new Set<ScriptName>([
  'adopt-child',
  'create-run',
  'orphan-run',
  'outbox-done',
  'release-step',
  'settle-child',
  'settle-step',
  'signal-run',
])

/**
 * As with a connection that was given up, and delivers what was under way when its sender has long sent it again: of the
 * newest calls one arrives once more after every other. Of a claim's turns those that another has followed: the newest
 * one's answer tells what its holder has read.
 */
function deliverLate(link: RedisLink): void {
  const call = link.call.bind(link)
  const sent: (() => Promise<Reply>)[] = []
  const turns = new Map<string, { readonly turn: number; readonly again: () => Promise<Reply> }>()
  let calls = 0
  link.call = async (script, bucket, args): Promise<Reply> => {
    const again = (): Promise<Reply> => call(script, bucket, args)
    const answer = await again()
    const tellsParent = script === 'create-run' && args[6] !== ''
    if (late.has(script) && !tellsParent) sent.push(again)
    if (script === 'commit-run') {
      const holder = `${args[0]} ${args[1]}`
      const turn = Number(args[3])
      const before = turns.get(holder)
      if (before && before.turn < turn) sent.push(before.again)
      turns.set(holder, { turn, again })
    }
    calls += 1
    await sent.at(-1 - (calls % Math.min(sent.length || 1, 7)))?.()
    return answer
  }
}

const open = (): ReturnType<typeof openLinked> => openLinked(deliverLate)
defineModelTests({ name: 'redis, every call arrives once more, late', runner: { describe, test }, open })
