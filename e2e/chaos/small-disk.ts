import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync } from 'node:fs'

/** Room for an hour's runs. */
const roomy = 3 * 2 ** 30

/** A disk of its own, in memory, that can be full. */
export class SmallDisk {
  readonly folder: string
  /** Why there is none. */
  readonly problem: string | null

  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
    this.problem = attempt(() => mount(['-t', 'tmpfs', '-o', `size=${roomy},mode=1777`, 'tmpfs', folder]))
  }

  /** From now on nothing more fits than is there. */
  fill(): void {
    // Refused when more has been written meanwhile: then once more.
    for (let tries = 1; ; tries++) {
      const { blocks, bfree, bsize } = statfsSync(this.folder)
      const problem = attempt(() => mount(['-o', `remount,size=${(blocks - bfree) * bsize}`, this.folder]))
      if (problem === null) return
      if (tries === 20) throw new Error(problem)
    }
  }

  makeRoom(): void {
    mount(['-o', `remount,size=${roomy}`, this.folder])
  }

  dispose(): void {
    // Lazily: backends of a server that was killed may take a moment to notice.
    if (this.problem === null) execFileSync('umount', ['--lazy', this.folder])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function mount(args: readonly string[]): void {
  execFileSync('mount', args, { stdio: 'pipe' })
}

function attempt(act: () => void): string | null {
  try {
    act()
    return null
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n').at(-1) ?? error.message) : String(error)
  }
}
