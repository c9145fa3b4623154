import type { WorkflowService } from '@pikku/core/service'
import { expect } from 'vitest'

/** How a run ended, in a few words. */
export async function endOf(service: WorkflowService, runId: string, withinMs = 20_000): Promise<string> {
  let status: string | undefined
  const isLeft = async (): Promise<boolean> => {
    status = (await service.getRun(runId))?.status
    return status !== 'running'
  }
  await expect.poll(isLeft, { timeout: withinMs, interval: 20, message: `run ${runId} is still running` }).toBe(true)
  return status ?? 'gone'
}
