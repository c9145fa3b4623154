import type { Doorbell, QueueService, StorePorts, WorkItem } from '../../contract/index.ts'
import { StoreUnavailableError } from '../../contract/index.ts'
import type { Random } from '../random.ts'
import type { Fault } from './gate.ts'
import { pause } from './until.ts'

/** How a queue treats its messages. Each a probability. */
export interface Losses {
  readonly drop: number
  readonly duplicate: number
  readonly delay: number
}

export const ordinaryLosses: Losses = { drop: 0.3, duplicate: 0.3, delay: 0.3 }
export const everythingLost: Losses = { drop: 1, duplicate: 0, delay: 0 }

const longestDelayMs = 60

/** The same doorbell, which drops, doubles, delays and reorders by chance. */
function lossyDoorbell(doorbell: Doorbell, random: Random, losses: Losses = ordinaryLosses): Doorbell {
  const ringLate = (item: WorkItem): void => {
    // A delayed message that then fails to be sent is a lost one.
    void pause(random.below(longestDelayMs)).then(() => doorbell.ring([item]).catch(() => undefined))
  }
  return {
    ring: async (items) => {
      const now: WorkItem[] = []
      for (const item of random.shuffle([...items])) {
        if (random.chance(losses.drop)) continue
        if (random.chance(losses.duplicate)) ringLate(item)
        if (random.chance(losses.delay)) ringLate(item)
        else now.push(item)
      }
      if (now.length > 0) await doorbell.ring(now)
    },
    answer: (roles, handler) => doorbell.answer(roles, handler),
  }
}

/** The same queue with a lossy doorbell. */
export function lossyQueue(queue: QueueService, random: Random, losses?: Losses): QueueService {
  return {
    add: (name, data, options) => queue.add(name, data, options),
    getJob: (name, id) => queue.getJob(name, id),
    consume: (name, options, handler) => queue.consume(name, options, handler),
    doorbell: (queues) => lossyDoorbell(queue.doorbell(queues), random, losses),
    init: () => queue.init(),
    close: () => queue.close(),
  }
}

/** Ports whose notices go nowhere and come from nowhere, while they look alive. */
export function withDeadNotices(ports: StorePorts): StorePorts {
  const notices = {
    live: true,
    publish: () => Promise.resolve(),
    subscribe: () => Promise.resolve({ close: () => Promise.resolve() }),
  }
  return { ...ports, notices }
}

/** What happens to a call: it is not made, or it is made and its answer lost, or it is answered late. */
export type Mishap = 'fails' | 'answer lost' | 'late' | null

const longestLatenessMs = 40

/** Makes calls of a gate go wrong as `plan` says. */
export function faulty(plan: (name: string) => Mishap): Fault {
  return async (name, call) => {
    const mishap = plan(name)
    if (mishap === 'late') await pause(longestLatenessMs)
    if (mishap === 'fails') throw new StoreUnavailableError(`${name}: the server is away (on purpose)`)
    const answer = await call()
    if (mishap === 'answer lost') throw new StoreUnavailableError(`${name}: the answer was lost (on purpose)`)
    return answer
  }
}

/** Each store call goes wrong with this probability. */
export function randomMishaps(random: Random, probability: number): (name: string) => Mishap {
  return (name) => {
    if (!name.startsWith('store.') || !random.chance(probability)) return null
    return random.pick(['fails', 'answer lost', 'late'] as const)
  }
}
