// One worker process: told where to work by its parent, ready when it says so, gone when the parent is.
import { QueueWorkers } from '@pikku/core/service'
import { openServices, type Place } from './app.ts'

process.once('message', (place) => {
  const workers = new QueueWorkers(openServices(place as Place))
  void workers.registerQueues().then(() => process.send?.('ready'))
})
process.once('disconnect', () => process.exit())
