// One run of many steps in a process of its own: `<store> <shape> <kind> <count>`. Prints one line of JSON.
import { worlds } from '../worlds.ts'
import { openApp } from './apps.ts'
import type { Figures } from './many-steps.ts'

const [store = '', shape = '', kind = '', given = ''] = process.argv.slice(2)
const count = Number(given)
const opening = worlds.find(({ name }) => name.startsWith(store))
if (!opening) throw new Error(`no store is called '${store}'`)

const world = await opening.openWorld()
const app = await openApp(world, {
  functions: { echo: (data) => data },
  workflows: {
    many: async (workflow) => {
      // One name for all of them, as in a loop.
      const step = async (index: number): Promise<number> =>
        Number(await (kind === 'rpc' ? workflow.do('Step', 'echo', index) : workflow.do('Step', () => index)))
      if (shape === 'parallel') return (await Promise.all(Array.from({ length: count }, (_, i) => step(i)))).length
      let done = 0
      while (done < count) done = (await step(done)) + 1
      return done
    },
  },
})
const startedAt = performance.now()
const { runId } = await app.service.startRun('many', null)
const output = await app.service.waitForRun(runId, { timeout: '10min' })
const ms = performance.now() - startedAt
if (output !== count) throw new Error(`the run came to ${String(output)}`)
const steps = await app.service.listSteps(runId)
if (steps.length !== count || steps.some(({ status, attemptCount }) => status !== 'succeeded' || attemptCount !== 1)) {
  throw new Error('not every step succeeded at its first attempt')
}
const figures: Figures = { ms: Math.round(ms), maxRssBytes: process.resourceUsage().maxRSS * 1024 }
process.stdout.write(`${JSON.stringify(figures)}\n`)
await app.close()
await world.drop()
