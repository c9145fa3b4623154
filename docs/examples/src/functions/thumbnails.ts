// #region worker
import { pikkuSessionlessFunc, wireQueueWorker } from '../workflows/pikku.workflows.gen.js'

export const makeThumbnail = pikkuSessionlessFunc<{ image: string }, { file: string }>(
  async ({ logger }, { image }) => {
    logger.info(`thumbnail of ${image}`)
    return { file: `${image}.thumb` }
  },
)

wireQueueWorker({ queueName: 'thumbnails', func: makeThumbnail, config: { concurrency: 4 } })
// #endregion
