import { StoreUnavailableError } from '@pikku/core/contract'
import type { NewRun, RunId, WorkItem } from '@pikku/core/contract'
import type { Bucket, RedisLink, Reply } from './connection.ts'
import { list, stepIdOf, stepKey, tagsOf, text, toItems } from './rows.ts'

/**
 * Where there are several masters, an entry that was delivered is delivered once more, so long after (ms): a replica that
 * becomes master may lack the last of what its master had been told, but not that much of it.
 */
const keptMs = 10_000

/** How a step or a run ended, as scripts are told: 'output', 'error' or 'reason', and its text. */
export type Ending = readonly ['output' | 'error' | 'reason', string]

/** The arguments of create-run.lua. `callId` is the same when the call is repeated. */
export function createArgs(run: NewRun, callId: string, orphaned: boolean): readonly string[] {
  const { runId, workflow, input, inputDigest, tags, parent } = run
  const up = parent ? [parent.runId, stepKey(parent.step), parent.onEnd] : ['', '', '']
  return [runId, callId, workflow, input, inputDigest, JSON.stringify(tags), ...up, orphaned ? '1' : '', ...tags]
}

/**
 * Hands over what a run in one bucket has to say to runs in others. Every delivery may be made twice. What cannot be
 * delivered now stays in the outbox, and a sweep delivers it.
 */
export class Outbox {
  readonly #link: RedisLink

  constructor(link: RedisLink) {
    this.#link = link
  }

  /** A child's start. Answers what to ring. */
  start(bucket: Bucket, entry: string, child: NewRun): Promise<readonly WorkItem[]> {
    return this.#orLater(async () => {
      const args = createArgs(child, entry, false)
      const [, item] = list(await this.#link.call('create-run', this.#link.bucketOf(child.runId), args))
      await this.#done(bucket, entry)
      return toItems(item)
    })
  }

  /** What a run's end has to say: entries as lua/include/end-run.lua answers them. */
  async ended(
    bucket: Bucket,
    entries: Reply | undefined,
    child: { runId: RunId; ending: Ending },
  ): Promise<WorkItem[]> {
    const delivered = list(entries).map((entry) => {
      const [id, kind, parentId, parentStep] = list(entry).map((part) => text(part))
      if (kind !== 'settle') return this.deliver(bucket, text(id))
      const parent = { runId: text(parentId), step: text(parentStep) }
      return this.#orLater(() => this.#settle(bucket, { id: text(id), parent, ...child }))
    })
    return (await Promise.all(delivered)).flat()
  }

  /** Any entry, read from the outbox. Nothing if another has delivered it. */
  deliver(bucket: Bucket, id: string): Promise<readonly WorkItem[]> {
    return this.#orLater(async () => {
      const read = await this.#link.call('outbox-read', bucket, [id])
      if (read === null) return []
      const [fields, children] = list(read)
      const entry = fieldsOf(fields)
      // Whoever it rang was rung when it was delivered first. What this finds lost and makes anew, a later sweep rings.
      if (!entry.has('delivered')) return this.#hand(bucket, { id, entry, children: list(children) })
      await this.#hand(bucket, { id, entry, children: list(children) })
      return []
    })
  }

  #hand(bucket: Bucket, { id, entry, children }: Handing): Promise<readonly WorkItem[]> {
    const runId = entry.get('runId') ?? ''
    switch (entry.get('kind')) {
      case 'start':
        return this.start(bucket, id, childOf(entry))
      case 'settle': {
        const parent = { runId, step: entry.get('step') ?? '' }
        return this.#settle(bucket, { id, parent, runId: entry.get('childId') ?? '', ending: endingOf(entry) })
      }
      default:
        return this.#orphan(bucket, { id, parentId: runId, children })
    }
  }

  async #settle(bucket: Bucket, { id, parent, runId, ending }: Settling): Promise<readonly WorkItem[]> {
    const args = [parent.runId, parent.step, runId, id, ...ending]
    const item = await this.#link.call('settle-child', this.#link.bucketOf(parent.runId), args)
    await this.#done(bucket, id)
    return toItems(item)
  }

  /** `children`: pairs of a run id and its place among the parent's steps; 0: it has none. */
  async #orphan(bucket: Bucket, { id, parentId, children }: Orphaning): Promise<readonly WorkItem[]> {
    const told: (string | number)[] = []
    const telling: Promise<readonly WorkItem[]>[] = []
    for (let at = 0; at < children.length; at += 2) {
      const [child, place] = [text(children[at]), Number(children[at + 1])]
      told.push(child, place)
      telling.push(this.tellOrphan(child, parentId, place > 0))
    }
    const items = (await Promise.all(telling)).flat()
    return [...items, ...(await this.#done(bucket, id, told))]
  }

  /** Its parent is over, or never was. */
  async tellOrphan(runId: RunId, parentId: RunId, ring: boolean): Promise<readonly WorkItem[]> {
    return toItems(await this.#link.call('orphan-run', this.#link.bucketOf(runId), [runId, parentId, ring ? '1' : '0']))
  }

  /** Take the entry away, or go on with what is left of it. */
  async #done(bucket: Bucket, id: string, told: readonly (string | number)[] = []): Promise<readonly WorkItem[]> {
    // One bucket is one master, whose past is lost as a whole.
    const keepMs = this.#link.buckets.length > 1 ? keptMs : 0
    const left = await this.#link.call('outbox-done', bucket, [id, keepMs, ...told])
    return left === null ? [] : this.deliver(bucket, id)
  }

  async #orLater(deliver: () => Promise<readonly WorkItem[]>): Promise<readonly WorkItem[]> {
    try {
      return await deliver()
    } catch (error) {
      // Whoever caused it was applied, and must not fail for it: the entry stays and a sweep delivers it. Nor must a sweep
      // fail for one entry: everybody else would wait for ever.
      const { logger } = this.#link.options
      const said = 'what a run has to tell another is left to the next sweep'
      if (error instanceof StoreUnavailableError) logger.debug(said, error)
      else logger.error(said, error)
      return []
    }
  }
}

interface Handing {
  readonly id: string
  readonly entry: ReadonlyMap<string, string>
  readonly children: readonly Reply[]
}

interface Settling {
  readonly id: string
  readonly parent: { readonly runId: RunId; readonly step: string }
  readonly runId: RunId
  readonly ending: Ending
}

interface Orphaning {
  readonly id: string
  readonly parentId: RunId
  readonly children: readonly Reply[]
}

function fieldsOf(reply: Reply | undefined): ReadonlyMap<string, string> {
  const pairs = list(reply)
  const fields = new Map<string, string>()
  for (let at = 0; at < pairs.length; at += 2) fields.set(text(pairs[at]), text(pairs[at + 1]))
  return fields
}

function childOf(entry: ReadonlyMap<string, string>): NewRun {
  const of = (field: string): string => entry.get(field) ?? ''
  const run = {
    runId: of('runId'),
    workflow: of('workflow'),
    input: of('input'),
    inputDigest: of('inputDigest'),
    tags: tagsOf(of('tags')),
  }
  if (of('parentId') === '') return run
  const onEnd = of('parentOnEnd') as 'cancel' | 'abandon'
  return { ...run, parent: { runId: of('parentId'), step: stepIdOf(of('parentStep')), onEnd } }
}

function endingOf(entry: ReadonlyMap<string, string>): Ending {
  for (const kind of ['output', 'error'] as const) {
    const found = entry.get(kind)
    if (found !== undefined) return [kind, found]
  }
  return ['reason', entry.get('reason') ?? '']
}
