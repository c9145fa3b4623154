/** What a key of `pikku.config.json` may hold. */
export interface KeyRule {
  /** Said when something else is found. */
  readonly accepted: string
  readonly required?: true
  accepts(value: unknown): boolean
}

const path: KeyRule = { accepted: 'a path', accepts: isPath }
const queueName: KeyRule = {
  accepted: 'a queue name: letters, digits, `.`, `_` and `-`',
  accepts: (value) => typeof value === 'string' && /^[\w.-]+$/.test(value),
}

export const topLevelKeys: Readonly<Record<string, KeyRule>> = {
  $schema: { accepted: 'a string', accepts: isText },
  tsconfig: path,
  srcDirectories: {
    accepted: 'a list of at least one path',
    accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(isPath),
  },
  services: path,
  outDir: path,
  workflows: {
    accepted: 'an object like { "singleQueue": true, "path": "src/workflows/pikku.workflows.gen.ts" }',
    required: true,
    accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
}

export const workflowsKeys: Readonly<Record<string, KeyRule>> = {
  singleQueue: {
    accepted: 'true (one queue pair for all workflows; false is not supported yet)',
    required: true,
    accepts: (value) => value === true,
  },
  path: {
    accepted: 'the path of a TypeScript file to write, ending in .ts or .mts',
    accepts: (value) => isPath(value) && /(?<!\.d)\.m?ts$/.test(String(value)),
  },
  orchestratorQueue: queueName,
  workerQueue: queueName,
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** File systems take no longer name, and no longer path with room for the folder it starts from. */
const maxNameBytes = 255
const maxPathBytes = 2_000

function isPath(value: unknown): boolean {
  if (!isText(value) || Buffer.byteLength(value) > maxPathBytes) return false
  return value.split(/[/\\]/).every((name) => Buffer.byteLength(name) <= maxNameBytes)
}
