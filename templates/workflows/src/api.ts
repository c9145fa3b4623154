import type { TypedRpc, WorkflowService } from '@pikku/core'
import { WorkflowError } from '@pikku/core'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { toJson } from './json.js'

/** The workflows over HTTP, by name: what a workflow takes is checked when it starts. */
export function createApi({ workflowService, rpc }: { workflowService: WorkflowService; rpc: TypedRpc }): Hono {
  const api = new Hono()

  // The same Idempotency-Key again answers the run that it started.
  api.post('/workflows/:name/runs', async (c) => {
    const runId = c.req.header('idempotency-key')
    const input: unknown = await c.req.json()
    const started = await rpc.startWorkflow(c.req.param('name'), input, runId ? { runId } : {})
    return c.json(started, started.created ? 201 : 200)
  })

  api.get('/runs/:id', async (c) => c.json(toJson(await runOf(c.req.param('id')))))

  api.get('/runs/:id/history', async (c) => c.json(toJson(await workflowService.getRunHistory(c.req.param('id')))))

  api.get('/runs/:id/steps', async (c) => c.json(toJson(await workflowService.listSteps(c.req.param('id')))))

  // Answers as soon as the run has ended, in whatever way.
  api.get('/runs/:id/wait', async (c) => {
    const id = c.req.param('id')
    const failure = await workflowService.waitForRun(id, { timeout: c.req.query('timeout') ?? '30s' }).then(
      () => undefined,
      (error: unknown) => error,
    )
    const run = await runOf(id)
    if (!run.endedAt) throw failure
    return c.json(toJson(run))
  })

  // Server-sent events: the run now and after every change, until it has ended.
  api.get('/runs/:id/events', async (c) => {
    const run = await runOf(c.req.param('id'))
    return streamSSE(c, async (stream) => {
      const watch = await workflowService.watchRun(run.id, (changed) => {
        void stream.writeSSE({ data: JSON.stringify(toJson(changed)) })
      })
      stream.onAbort(() => watch.stop())
      await watch.ended
    })
  })

  api.post('/runs/:id/cancel', async (c) => {
    const { reason }: { reason?: string } = await c.req.json()
    await workflowService.cancelRun(c.req.param('id'), reason)
    return c.json(toJson(await runOf(c.req.param('id'))))
  })

  api.onError((error, c) => {
    const status = statusOf(error)
    if (status === 500) console.error(error)
    return c.json({ error: status === 500 ? 'internal error' : error.message }, status)
  })

  async function runOf(id: string) {
    const run = await workflowService.getRun(id)
    if (!run) throw new WorkflowError('RUN_NOT_FOUND', `no run with id '${id}'`)
    return run
  }

  return api
}

const statuses: Readonly<Record<string, ContentfulStatusCode>> = {
  INVALID_INPUT: 400,
  INVALID_DURATION: 400,
  INVALID_NAME: 400,
  NOT_SERIALIZABLE: 400,
  PAYLOAD_TOO_LARGE: 413,
  RUN_CONFLICT: 409,
  RUN_NOT_FOUND: 404,
  WORKFLOW_NOT_FOUND: 404,
  STORE_UNAVAILABLE: 503,
  WAIT_TIMEOUT: 504,
}

function statusOf(error: Error): ContentfulStatusCode {
  if (error instanceof SyntaxError) return 400 // The body is not JSON.
  return (WorkflowError.is(error) && statuses[error.code]) || 500
}
