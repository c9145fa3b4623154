import fs from 'node:fs'

/** Of Linux on every machine that Node runs on. */
const ticksPerSecond = 100

interface ProcessTimes {
  readonly parent: number
  /** Its own, in ms. */
  readonly own: number
  /** Of children that ended and were waited for, in ms. */
  readonly ended: number
}

/** CPU time of a process and all below it, those that ended included, in ms. Null where there is no /proc. */
export function cpuOfTree(pid: number): number | null {
  if (!fs.existsSync('/proc/self/stat')) return null
  const all = new Map<number, ProcessTimes>()
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const times = timesOf(Number(name))
    if (times) all.set(Number(name), times)
  }
  const root = all.get(pid)
  if (!root) return null
  const below = [...all.values()].filter(({ parent }) => parent === pid)
  return root.own + root.ended + below.reduce((sum, { own, ended }) => sum + own + ended, 0)
}

export function parentOf(pid: number): number | null {
  return timesOf(pid)?.parent ?? null
}

function timesOf(pid: number): ProcessTimes | null {
  let text: string
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return null // It has ended meanwhile.
  }
  // The name before is in brackets and may hold anything.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const ms = (from: number) => (((fields[from] ?? 0) + (fields[from + 1] ?? 0)) * 1000) / ticksPerSecond
  return { parent: fields[1] ?? 0, own: ms(11), ended: ms(13) }
}
