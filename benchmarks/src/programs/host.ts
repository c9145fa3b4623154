// The child's side: opens one system and does with it what the parent asks for.
import type { Answer, Driver, Message, OpenRequest, Played, PlayRequest, Request, Usage } from './protocol.ts'

/** Opens what the program measures. */
export type Open = (request: OpenRequest) => Promise<Driver>

/** Serves the parent until it closes the channel or is gone. Called once by every program. */
export function serve(open: Open): void {
  let driver: Driver | null = null
  const answer = async (request: Request): Promise<unknown> => {
    switch (request.ask) {
      case 'open':
        driver = await open(request)
        return null
      case 'play':
        return play(driver, request)
      case 'usage':
        return usage()
      case 'close':
        await driver?.close()
        return null
    }
  }
  process.on('message', ({ id, request }: Message) => {
    answer(request).then(
      (value) => tell({ id, value }),
      (error: unknown) => tell({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
  process.once('disconnect', () => process.exit())
}

/** Tells the parent that a step was entered which does not end in this process. */
export function enteredForGood(): Promise<never> {
  tell({ event: 'entered' })
  return new Promise(() => {})
}

function tell(answer: Answer): void {
  process.send?.(answer)
}

async function play(driver: Driver | null, request: PlayRequest): Promise<Played> {
  const one = request.startOnly ? driver?.start : driver?.play
  if (!driver || !one) throw new Error('this process starts no runs')
  const each: number[] = []
  const ends: { at: number; output: unknown }[] = []
  const begun = performance.now()
  let left = request.times
  const lane = async (): Promise<void> => {
    while (left > 0 && performance.now() - begun < (request.limitMs ?? Infinity)) {
      left -= 1
      const start = performance.now()
      const output = await one.call(driver, request.work, request.input)
      each.push(performance.now() - start)
      ends.push({ at: Date.now(), output })
    }
  }
  await Promise.all(Array.from({ length: Math.min(request.atOnce, request.times) }, lane))
  return { ms: performance.now() - begun, each, ends }
}

function usage(): Usage {
  // There with --expose-gc alone, which the parent gives.
  const { gc } = globalThis as { gc?: () => void }
  gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, external } = process.memoryUsage()
  return { cpuMs: (user + system) / 1000, heapBytes: heapUsed + external }
}
