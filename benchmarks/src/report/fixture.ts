import type { Report, Result } from '../results.ts'

/** A report as a run would have made it, with these results. For tests. */
export function reportOf(results: readonly Partial<Result>[]): Report {
  return {
    environment: {
      date: '2026-01-02T03:04:05.000Z',
      commit: 'abc1234',
      cpu: 'Some CPU',
      cores: 2,
      memoryGb: 8,
      os: 'Linux 6',
      node: 'v24.0.0',
      postgres: '18.4',
      postgresSettings: { fsync: 'on' },
      redis: '7.0',
      packages: {},
      size: 'full',
      minutes: 40,
      loadBefore: 0.1,
    },
    results: results.map((result) => ({ workload: 'inline', store: 'pg', system: 'pikku', repetitions: 5, ...result })),
  }
}
