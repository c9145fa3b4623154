import * as v from 'valibot'

const figure = v.optional(v.pipe(v.number(), v.finite()))

/** One line of the results: what one system did of one workload, over all repetitions. What does not apply is left out. */
const resultSchema = v.strictObject({
  workload: v.string(),
  store: v.picklist(['pg', 'redis']),
  system: v.picklist(['pikku', 'dbos', 'openworkflow', 'absurd', 'restate', 'floor']),
  /** Medians over the repetitions. */
  stepsPerSecond: figure,
  p50Ms: figure,
  p99Ms: figure,
  maxMs: figure,
  msPerStep: figure,
  statementsPerSecond: figure,
  /** In the worker, of what the workload added. */
  megabytes: figure,
  /** By how much what the workload added made things slower. Below 0: faster. */
  addedPercent: figure,
  walBytesPerStep: figure,
  tableBytesPerStep: figure,
  memoryBytesPerStep: figure,
  clientCpuMsPerStep: figure,
  serverCpuMsPerStep: figure,
  /** Of curves: how many steps, runs, bytes, workers or ended runs. */
  x: figure,
  repetitions: v.pipe(v.number(), v.integer()),
  /** Of the workload's own figure, over the repetitions. */
  min: figure,
  max: figure,
  /** The raw cost of the same writes, in the workload's own figure. */
  floor: figure,
  /** Why there is no figure. */
  failed: v.optional(v.string()),
})

export type Result = Readonly<v.InferOutput<typeof resultSchema>>

/** What is measured, each a number. */
export type Figure = Exclude<
  keyof Result,
  'workload' | 'store' | 'system' | 'repetitions' | 'min' | 'max' | 'floor' | 'failed' | 'x'
>

/** The figures of one repetition. */
export type Figures = Partial<Readonly<Record<Figure, number>>>

const environmentSchema = v.strictObject({
  date: v.string(),
  commit: v.string(),
  cpu: v.string(),
  cores: v.number(),
  memoryGb: v.number(),
  os: v.string(),
  node: v.string(),
  postgres: v.optional(v.string()),
  postgresSettings: v.optional(v.record(v.string(), v.string())),
  redis: v.optional(v.string()),
  packages: v.record(v.string(), v.string()),
  size: v.picklist(['full', 'quick', 'tiny']),
  minutes: v.number(),
  /** Processes that wanted to run on average in the minute before: above the number of cores the machine was not quiet. */
  loadBefore: v.number(),
})

export type Environment = Readonly<v.InferOutput<typeof environmentSchema>>

const reportSchema = v.strictObject({ environment: environmentSchema, results: v.array(resultSchema) })

/** What `--json` writes. */
export interface Report {
  readonly environment: Environment
  readonly results: readonly Result[]
}

/** @throws ValiError for anything that is no report */
export function readReport(json: unknown): Report {
  return v.parse(reportSchema, json)
}
