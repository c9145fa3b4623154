/** How much of everything. */
export interface Size {
  readonly name: 'full' | 'quick' | 'tiny'
  readonly repetitions: number
  /** Of what mostly waits: lost workers and idle ones. */
  readonly waitingRepetitions: number
  /** A killed worker's runs go on after a second or two, by the moment of the kill: so many moments. */
  readonly kills: number
  readonly costRepetitions: number
  /** Throughput: so many runs at once, with so many steps each. */
  readonly runs: number
  readonly steps: number
  /** How long each turn plays before anything counts, in ms: a server runs for days, and V8 compiles in the first seconds. */
  readonly warmMs: number
  /** What takes less is played again until so much has passed, in ms. */
  readonly leastMs: number
  readonly history: number
  readonly longHistory: number
  readonly fanout: number
  /** Runs one after the other; begun within so many ms. */
  readonly latency: number
  readonly latencyLimitMs: number
  readonly sleepers: number
  readonly sleepMs: number
  readonly recoveryRuns: number
  /** How long a killed worker's runs are waited for. */
  readonly recoveryLimitMs: number
  readonly idleMs: number
  readonly sleeping: number
  readonly aged: number
  readonly replay: number
  /** The ends of the curves; between them every power of ten. */
  readonly growth: {
    readonly repetitions: number
    readonly steps: number
    readonly runs: number
    readonly bytes: number
    readonly workers: number
    readonly ended: number
    readonly partitions: number
  }
}

const full: Size = {
  name: 'full',
  repetitions: 5,
  waitingRepetitions: 5,
  kills: 15,
  costRepetitions: 3,
  runs: 300,
  steps: 10,
  warmMs: 3_000,
  leastMs: 1_500,
  history: 1_000,
  longHistory: 10_000,
  fanout: 500,
  latency: 200,
  latencyLimitMs: 5_000,
  sleepers: 100,
  sleepMs: 1_500,
  recoveryRuns: 10,
  recoveryLimitMs: 45_000,
  idleMs: 6_000,
  sleeping: 100_000,
  aged: 1_000_000,
  replay: 10_000,
  growth: {
    repetitions: 3,
    steps: 10_000,
    runs: 5_000,
    bytes: 1_000_000,
    workers: 4,
    ended: 1_000_000,
    partitions: 64,
  },
}

const quick: Size = {
  ...full,
  name: 'quick',
  repetitions: 2,
  waitingRepetitions: 1,
  kills: 3,
  costRepetitions: 1,
  runs: 100,
  warmMs: 500,
  leastMs: 300,
  history: 300,
  longHistory: 1_000,
  fanout: 100,
  latency: 50,
  latencyLimitMs: 2_000,
  sleepers: 20,
  sleepMs: 500,
  recoveryLimitMs: 10_000,
  idleMs: 3_000,
  sleeping: 2_000,
  aged: 20_000,
  replay: 2_000,
  growth: { repetitions: 1, steps: 1_000, runs: 100, bytes: 100_000, workers: 2, ended: 10_000, partitions: 16 },
}

/** To see that it works. Its figures say nothing. */
const tiny: Size = {
  ...quick,
  name: 'tiny',
  repetitions: 1,
  kills: 1,
  runs: 4,
  steps: 2,
  warmMs: 1,
  leastMs: 1,
  history: 10,
  longHistory: 20,
  fanout: 5,
  latency: 3,
  latencyLimitMs: 1_000,
  sleepers: 2,
  sleepMs: 50,
  recoveryRuns: 2,
  idleMs: 500,
  sleeping: 10,
  aged: 100,
  replay: 50,
  growth: { repetitions: 1, steps: 100, runs: 10, bytes: 1_000, workers: 2, ended: 100, partitions: 4 },
}

export const sizes = { full, quick, tiny }
