import { expect, test } from 'vitest'
import type { Reply } from './connection.ts'
import { Lane } from './lane.ts'

interface Sent {
  /** Of each call its run and what it says. */
  readonly calls: readonly string[]
  readonly deadline: number
  answer(replies: readonly (Reply | Error)[]): Promise<void>
  fail(error: Error): Promise<void>
}

/** A lane whose scripts are answered by hand. */
function openLane(): { lane: Lane; sent: Sent[] } {
  const sent: Sent[] = []
  const send = (args: readonly (string | number)[], deadline: number): Promise<Reply> => {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const answer = (replies: readonly (Reply | Error)[]): Promise<void> => {
      resolve(replies as Reply)
      return settled()
    }
    const fail = (error: Error): Promise<void> => {
      reject(error)
      return settled()
    }
    sent.push({ calls: callsOf(args), deadline, answer, fail })
    return promise
  }
  return { lane: new Lane({ send }), sent }
}

function callsOf(args: readonly (string | number)[]): string[] {
  const calls: string[] = []
  for (let at = 0; at < args.length; at += 1 + Number(args[at])) calls.push(args.slice(at + 1, at + 3).join(' '))
  return calls
}

/** Everything that an answer sets going has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const later = (): number => performance.now() + 10_000

test('what is asked in one turn of the event loop travels together; then two are under way, and the others wait', async () => {
  const { lane, sent } = openLane()
  const answers = ['a', 'b'].map((run) => lane.ask([run, 1], later()))
  await settled()
  answers.push(lane.ask(['c', 1], later()))
  await settled()
  answers.push(lane.ask(['d', 1], later()), lane.ask(['e', 1], later()))
  await settled()
  expect(sent.map(({ calls }) => calls)).toEqual([['a 1', 'b 1'], ['c 1']])
  await sent[0]?.answer(['A', null])
  expect(sent[2]?.calls).toEqual(['d 1', 'e 1'])
  await sent[1]?.answer(['C'])
  await sent[2]?.answer(['D', 'E'])
  expect(await Promise.all(answers)).toEqual(['A', null, 'C', 'D', 'E'])
})

test('nobody overtakes an earlier call of its run: not one that is under way, and not one that a script did not come to', async () => {
  const { lane, sent } = openLane()
  void lane.ask(['a', 1], later())
  void lane.ask(['b', 1], later())
  void lane.ask(['b', 2], later())
  await settled()
  void lane.ask(['b', 3], later())
  void lane.ask(['c', 1], later())
  await settled()
  expect(sent.map(({ calls }) => calls)).toEqual([['a 1', 'b 1', 'b 2'], ['c 1']])
  await sent[0]?.answer(['only the first'])
  expect(sent[2]?.calls).toEqual(['b 1', 'b 2', 'b 3'])
})

test('each has its own error; what the whole script met is told to all, and the next one is sent', async () => {
  const { lane, sent } = openLane()
  const first = Promise.allSettled(['a', 'b'].map((run) => lane.ask([run, 1], later())))
  await settled()
  await sent[0]?.answer([new Error('a'), 'B'])
  expect(await first).toMatchObject([{ reason: { message: 'a' } }, { value: 'B' }])
  const second = Promise.allSettled(['a', 'b'].map((run) => lane.ask([run, 2], later())))
  await settled()
  await sent[1]?.fail(new Error('away'))
  expect(await second).toMatchObject([{ reason: { message: 'away' } }, { reason: { message: 'away' } }])
  void lane.ask(['a', 3], later())
  await settled()
  expect(sent[2]?.calls).toEqual(['a 3'])
})

test('one script is given so much; what is full does not wait for those under way, and what is large goes alone', async () => {
  const { lane, sent } = openLane()
  for (let at = 0; at < 130; at += 1) void lane.ask([`run-${at}`, 1], later())
  await settled()
  expect(sent.map(({ calls }) => calls.length)).toEqual([40, 40, 40])
  await sent[0]?.answer(Array<Reply>(40).fill(null))
  await sent[1]?.answer(Array<Reply>(40).fill(null))
  expect(sent[3]?.calls).toHaveLength(10)
  const { lane: wide, sent: batches } = openLane()
  for (let at = 0; at < 10; at += 1) void wide.ask([`run-${at}`, ...Array<number>(99).fill(1)], later())
  await settled()
  expect(batches.map(({ calls }) => calls.length)).toEqual([4, 4])
  const { lane: other, sent: large } = openLane()
  for (let at = 0; at < 3; at += 1) void other.ask([`run-${at}`, 'x'.repeat(100_000)], later())
  await settled()
  expect(large.map(({ calls }) => calls.length)).toEqual([1, 1])
})

test('who has the least time left says for how long; but what was sent at last is waited for', async () => {
  const { lane, sent } = openLane()
  const soon = performance.now() + 5_000
  void lane.ask(['a', 1], later())
  void lane.ask(['b', 1], soon)
  await settled()
  expect(sent[0]?.deadline).toBe(soon)
  void lane.ask(['c', 1], performance.now() - 1_000)
  await settled()
  expect(sent[1]?.deadline).toBeGreaterThan(performance.now() + 500)
})
