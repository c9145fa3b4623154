import { isUuid } from '@pikku/core/queue'

/** An id that BullMQ may have for a job: a uuid of ours, or the number it gave to another program's job. */
export function isJobId(id: string): boolean {
  return isUuid(id) || /^[1-9][0-9]{0,15}$/.test(id)
}
