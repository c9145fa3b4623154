// #region worker
import { pikkuSessionlessFunc, wireQueueWorker } from '../workflows/pikku.workflows.gen.js'

export const makeThumbnail = pikkuSessionlessFunc<{ image: string }, { file: string }>(
  async ({ logger, queue }, { image }) => {
    if (!/\.(png|jpe?g)$/.test(image)) queue?.discard(`${image} is no picture`) // no further attempt
    logger.info(`thumbnail of ${image}`)
    await queue?.updateProgress({ percent: 50 })
    return { file: `${image}.thumb` }
  },
)

wireQueueWorker({ queueName: 'thumbnails', func: makeThumbnail, config: { concurrency: 4 } })
// #endregion
