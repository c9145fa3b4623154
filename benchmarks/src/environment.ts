import { execFileSync } from 'node:child_process'
import os from 'node:os'
import { pinnedVersions } from './peers.ts'
import type { Environment } from './results.ts'

/** The machine and what runs on it, as they say themselves. */
export function readEnvironment(): Omit<Environment, 'size' | 'minutes'> {
  const cpus = os.cpus()
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGb: Math.round(os.totalmem() / 1024 ** 3),
    os: `${os.type()} ${os.release()}`,
    node: process.version,
    packages: pinnedVersions(),
    loadBefore: Math.round((os.loadavg()[0] ?? 0) * 10) / 10,
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
  } catch {
    return 'unknown' // An archive without its history is no reason not to measure.
  }
}
