// `pnpm chaos --minutes N --seed S [--store pg|redis]`: real processes and servers under load, and everything that can be
// done to them. Without `--store` both stores, at the same time.
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { battle, type StoreName } from './battle.ts'

const usage = 'usage: chaos [--minutes N] [--seed S] [--store pg|redis]'
const stores: readonly StoreName[] = ['pg', 'redis']

interface Asked {
  readonly minutes: number
  readonly seed: number
  readonly store: StoreName | undefined
}

function asked(): Asked {
  const options = { minutes: { type: 'string' }, seed: { type: 'string' }, store: { type: 'string' } } as const
  const { values } = parseArgs({ options })
  const minutes = Number(values.minutes ?? 1)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6))
  const store = stores.find((name) => name === values.store)
  if (!(minutes > 0) || !Number.isSafeInteger(seed) || (values.store !== undefined && !store)) throw new Error(usage)
  return { minutes, seed, store }
}

async function one(store: StoreName, { minutes, seed }: Asked): Promise<number> {
  const { text, violations } = await battle({ store, minutes, seed })
  console.log(text)
  return violations.length === 0 ? 0 : 1
}

/** Each in a process of its own: what one computes does not hold up the ways of the other. */
async function both({ minutes, seed }: Asked): Promise<number> {
  const results = stores.map((store) => {
    const args = [import.meta.filename, '--minutes', `${minutes}`, '--seed', `${seed}`, '--store', store]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
    return new Promise<number>((resolve) => {
      child.once('close', (code) => {
        console.log(`${text.trimEnd()}\n`)
        resolve(code ?? 1)
      })
    })
  })
  return Math.max(...(await Promise.all(results)))
}

// Whoever started this is gone, or wants it to end.
for (const event of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect']) process.once(event, () => process.exit(1))
process.channel?.unref()

const wanted = asked()
process.exitCode = await (wanted.store ? one(wanted.store, wanted) : both(wanted))
