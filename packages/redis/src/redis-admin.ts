import type { Run, WorkflowAdmin } from '@pikku/core/contract'
import type { RedisLink } from './connection.ts'
import { IndexWalk } from './index-walk.ts'
import { tagsOf } from './rows.ts'

const ends = ['completed', 'failed', 'cancelled'] as const

/** What an operator does to the whole of it. */
export class RedisAdmin implements WorkflowAdmin {
  readonly #link: RedisLink

  constructor(link: RedisLink) {
    this.#link = link
  }

  /** There is nothing to create: the prefix is taken and the server checked, as before any other call. */
  migrate(): Promise<void> {
    return this.#link.ready()
  }

  async deleteRuns(which: {
    finishedBefore: number
    statuses?: readonly Run['status'][]
    limit: number
  }): Promise<number> {
    await this.#link.ready()
    const { finishedBefore, statuses, limit } = which
    const indexes = ends.filter((end) => statuses?.includes(end) ?? true).map((end) => `ended:${end}`)
    const walkAnew = (): IndexWalk =>
      new IndexWalk(this.#link, { indexes, order: 'oldest first', after: null, earlier: finishedBefore })
    let walk = walkAnew()
    let deleted = 0
    let before = 0
    while (deleted < limit) {
      const next = await walk.next()
      // Of those that ended in one instant it steps over some when others of them are deleted: there may be more.
      if (!next && deleted > before) {
        before = deleted
        walk = walkAnew()
        continue
      }
      if (!next) break
      const { bucket, runId, at } = next
      const [tags = null] = await this.#link.read(bucket, [['hget', `${bucket.root}:run:${runId}`, 'tags']])
      // Null: another process has deleted it.
      if (tags === null) continue
      const args = [runId, at, ...tagsOf(tags)]
      let answer = await this.#link.call('delete-run', bucket, args)
      while (answer === '0') answer = await this.#link.call('delete-run', bucket, args)
      if (answer === '1') deleted += 1
    }
    return deleted
  }
}
