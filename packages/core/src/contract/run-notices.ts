import type { RunId } from './records.ts'

/**
 * Best-effort word between processes that a run changed. Whoever must know also looks by itself, slowly.
 */
export interface RunNotices {
  /**
   * Tell every process with a listener, this one included (at once, without the round trip). What is told of one run may
   * be told as one: then it is `changed` if any of it was. Default `changed`.
   */
  publish(runIds: readonly RunId[], kind?: NoticeKind): Promise<void>
  /** `onMissed`: notices may have been lost (the connection was down): look at everything. */
  subscribe(listener: NoticeListener): Promise<{ close(): Promise<void> }>
  /** False where nothing arrives from other processes (LISTEN behind PgBouncer): poll faster. */
  readonly live: boolean
}

/**
 * `progress`: steps were recorded, which concerns those who watch them. `changed`: it ended, was suspended, cancelled, or
 * woken while held; also whatever a process of another version says.
 */
export type NoticeKind = 'changed' | 'progress'

/** Who hears of runs. */
export interface NoticeListener {
  /** This run has changed. */
  onChanged(runId: RunId, kind: NoticeKind): void
  /** Notices may have been lost: look at everything. */
  onMissed(): void
}
