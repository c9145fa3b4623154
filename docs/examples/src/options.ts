import { gunzipSync, gzipSync } from 'node:zlib'
import type { PayloadCodec } from '@pikku/core'
import { PgWorkflowService } from '@pikku/pg'
import { PgBossQueueService } from '@pikku/queue-pg-boss'

const url = 'postgresql://localhost:5432/myapp'
const queueService = new PgBossQueueService(url)

// #region codec
const compressed: PayloadCodec = {
  encode: (text) => gzipSync(text).toString('base64'),
  decode: (payload) => gunzipSync(Buffer.from(payload, 'base64')).toString(),
}
// #endregion

// #region options
export const workflowService = new PgWorkflowService(url, queueService, 'workflows_compressed', {
  leaseMs: 10_000, // how long a frozen or cut-off process keeps its runs from others
  graceMs: 10_000, // how long executing steps may go on when a process stops
  maxPayloadBytes: 4 * 1024 * 1024,
  codec: compressed, // for every input, result and output at rest
  observer: { onEvent: (event) => console.debug(event.kind) },
  retention: '30d', // delete ended runs after that long
})
// #endregion

export { queueService }
