import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'

/** What a run of many steps took. */
export interface Figures {
  readonly ms: number
  readonly maxRssBytes: number
}

export interface ManySteps {
  readonly store: 'PostgreSQL' | 'Redis'
  readonly shape: 'sequential' | 'parallel'
  readonly kind: 'inline' | 'rpc'
  readonly count: number
}

export const stores = ['PostgreSQL', 'Redis'] as const
export const shapes = ['sequential', 'parallel'] as const
export const kinds = ['inline', 'rpc'] as const

/** In a process of its own, so that what it takes is its own. */
export async function runManySteps({ store, shape, kind, count }: ManySteps): Promise<Figures> {
  const script = path.join(import.meta.dirname, 'many-steps-process.ts')
  const node = ['--conditions=pikku-source', '--disable-warning=ExperimentalWarning', script]
  const { stdout } = await promisify(execFile)(process.execPath, [...node, store, shape, kind, String(count)], {
    timeout: 660_000,
  })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Figures
}

export function toLine({ store, shape, kind, count }: ManySteps, { ms, maxRssBytes }: Figures): string {
  const seconds = `${(ms / 1_000).toFixed(1)} s`
  const size = `${Math.round(maxRssBytes / 2 ** 20)} MiB`
  const perStep = `${(ms / count).toFixed(2)} ms a step`
  return `${String(count).padStart(6)} ${shape.padEnd(10)} ${kind.padEnd(6)} ${store.padEnd(10)} ${seconds.padStart(8)} ${perStep.padStart(16)} ${size.padStart(9)}`
}
