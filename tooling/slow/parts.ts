import { existsSync } from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')

/** One of the things that take too long for `npm test`. */
export interface SlowPart {
  readonly name: string
  /** What it shows, for the page. */
  readonly shows: string
  /** What it may take. Started with a box of its own, it is ended when that is over, and counts as failed. */
  readonly minutes: number
  /** What is to be there: a file of this repository. */
  readonly needs: string
  /** What it is asked to do when it has so many minutes. Arguments of Node. */
  readonly run: (minutes: number) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** What of its output goes onto the page. */
  readonly figures: (output: string) => readonly string[]
}

const vitest = ['tooling/node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=2']
const ofVitest = /^ *(Test Files|Tests|Duration) /

function matching(...patterns: readonly RegExp[]): SlowPart['figures'] {
  return (output) => output.split('\n').filter((line) => patterns.some((pattern) => pattern.test(line)))
}

/** A report stands at the end. */
function lastLines(output: string): readonly string[] {
  return output.trimEnd().split('\n').slice(-60)
}

/** Some of its time goes for the servers, for the end of the last runs and for the report. */
function chaos(store: string, minutes: number): readonly string[] {
  return ['tooling/commands/chaos.ts', '--store', store, '--minutes', String(Math.max(minutes / 2, minutes - 15))]
}

function crashPoints(name: string, where: string, files: readonly string[]): SlowPart {
  return {
    name: `crash-points-${name}`,
    shows: `Every scenario of the crash points, with a death before and after every call of every port, on ${where}.`,
    minutes: 30,
    needs: 'packages/core/src/testing/engine/crash-points.ts',
    run: () => [...vitest, ...files, '-t', 'crash points'],
    env: { LANE: 'slow' },
    figures: matching(/^crash points, /, ofVitest),
  }
}

/** In the order in which they run. */
export const slowParts: readonly SlowPart[] = [
  crashPoints('pg', 'PostgreSQL with pg-boss', ['packages/queue-pg-boss/test/engine.test.ts']),
  crashPoints('redis', 'Redis with BullMQ', ['packages/queue-bullmq/test/engine-redis.test.ts']),
  crashPoints('inline', 'either store without a queue', [
    'packages/pg/test/engine-inline.test.ts',
    'packages/redis/test/engine-inline.test.ts',
  ]),
  {
    name: 'crash-everywhere',
    shows:
      'What `crashEverywhere` gives to users, on every shape of the golden histories: a death at each write, and the same end.',
    minutes: 5,
    needs: 'packages/core/test/crash-everywhere-shapes.test.ts',
    run: () => [...vitest, 'packages/core/test/crash-everywhere-shapes.test.ts'],
    env: { LANE: 'slow' },
    figures: matching(/^crash everywhere, /, ofVitest),
  },
  {
    name: 'mixed-pairs',
    shows:
      'The whole engine suite on PostgreSQL with BullMQ, on Redis with pg-boss and on a Redis Cluster with BullMQ, with every tenth crash point; `npm test` plays what depends on both at once.',
    minutes: 60,
    needs: 'packages/core/src/testing/engine/engine-suite.ts',
    run: () => [
      ...vitest,
      ...['packages/queue-bullmq/test/engine-pg.test.ts', 'packages/queue-pg-boss/test/engine-redis.test.ts'],
      'packages/queue-bullmq/test/engine-cluster.test.ts',
    ],
    env: { LANE: 'slow' },
    figures: matching(/^crash points, /, ofVitest),
  },
  {
    name: 'connections',
    shows:
      'The store kit, the queue kit and the engine suite through PgBouncer in transaction mode; all of the store kit and the engine suite on a second version of PostgreSQL; every setting of a role by itself; servers that freeze and connections that go dead.',
    minutes: 40,
    needs: 'packages/pg/test/faults.test.ts',
    run: () => [
      ...vitest,
      ...['faults', 'tls', 'settings', 'postgres-js', 'pgbouncer', 'pgbouncer-kit', 'older-server'].map(
        (name) => `packages/pg/test/${name}.test.ts`,
      ),
      ...['packages/queue-pg-boss/test/pgbouncer.test.ts', 'packages/queue-pg-boss/test/outage.test.ts'],
      'packages/queue-bullmq/test/outage.test.ts',
      'packages/redis/test/faults.test.ts',
      'e2e/test/pgbouncer.test.ts',
    ],
    env: { LANE: 'slow' },
    figures: matching(/^connections|^behind PgBouncer|^measured: .*PgBouncer|^a commit whose/, ofVitest),
  },
  {
    name: 'documented-adapters',
    shows:
      'The kit on the store and the queue that docs/writing-a-store.md and docs/writing-a-queue.md show, each alone and both together, with every crash point.',
    minutes: 40,
    needs: 'docs/examples/writing-a-store/engine.test.ts',
    run: () => [...vitest, 'docs/examples/writing-a'],
    env: { LANE: 'slow' },
    figures: matching(/^crash points, /, ofVitest),
  },
  {
    name: 'simulate',
    shows:
      'The whole engine on the memory store under a seeded scheduler and a virtual clock, in which everything fails; the laws after every step.',
    minutes: 130,
    needs: 'tooling/commands/simulate.ts',
    run: (minutes) => [
      'tooling/commands/simulate.ts',
      ...['--seeds', '1000000', '--from', '1', '--processes', '2'],
      // What it found is still to be made smaller.
      ...['--minutes', String(Math.max(1, minutes - 10))],
    ],
    figures: lastLines,
  },
  {
    name: 'chaos-pg',
    shows: 'Real processes on PostgreSQL with pg-boss under load, and a seeded adversary, for an hour.',
    minutes: 75,
    needs: 'tooling/commands/chaos.ts',
    run: (minutes) => chaos('pg', minutes),
    figures: lastLines,
  },
  {
    name: 'chaos-redis',
    shows: 'The same on Redis with BullMQ.',
    minutes: 75,
    needs: 'tooling/commands/chaos.ts',
    run: (minutes) => chaos('redis', minutes),
    figures: lastLines,
  },
  {
    name: 'mutants',
    shows: 'Every mutant of the stores, the queue and the engine is found by the test that it names.',
    minutes: 20,
    needs: 'conformance/mutants/mutants.test.ts',
    run: () => [...vitest, 'conformance/mutants'],
    env: { LANE: 'slow' },
    figures: matching(ofVitest),
  },
  {
    name: 'hostile',
    shows: 'Hostile values, names, messages and rows, twenty times as many of each as in `npm test`.',
    minutes: 60,
    needs: 'conformance/hostile/values.test.ts',
    run: () => [...vitest, 'conformance/hostile', '--exclude', '**/many-steps.test.ts'],
    env: { PIKKU_HOSTILE_TIMES: '20' },
    figures: matching(ofVitest),
  },
  {
    name: 'many-steps',
    shows: '10,000 steps of one run, sequential and parallel, inline and by RPC, within a minute and a gigabyte.',
    minutes: 15,
    needs: 'conformance/hostile/many-steps.test.ts',
    run: () => [...vitest, 'conformance/hostile/many-steps.test.ts'],
    env: { PIKKU_MANY_STEPS: '10000' },
    figures: matching(/^ *\d+ (sequential|parallel) /, ofVitest),
  },
  {
    name: 'site',
    shows:
      'The built site in a real browser, wide, narrow and dark: every page fits a telephone, the search finds, dark is dark; with screenshots.',
    minutes: 10,
    needs: 'tooling/site/in-a-browser.test.ts',
    run: () => [...vitest, 'tooling/site/in-a-browser.test.ts'],
    env: { LANE: 'slow' },
    figures: matching(/^site, /, ofVitest),
  },
]

/** Whether it has been made yet. */
export function isThere(part: SlowPart): boolean {
  return existsSync(path.join(root, part.needs))
}
