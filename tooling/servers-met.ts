import fs from 'node:fs'

/** The file that a run of tests keeps them in. */
const variable = 'SERVERS_MET'

/** Say that a test has met this program, like `PostgreSQL 18.4`, for the closing lines of the run. */
export function meet(server: string): void {
  const file = process.env[variable]
  if (file) fs.appendFileSync(file, `${server}\n`)
}

/** For the environment of a run of tests: where they say whom they meet. */
export function toMeetIn(file: string): NodeJS.ProcessEnv {
  return { [variable]: file }
}

/** Everybody that was met, once each; null when nobody was. */
export function metLine(file: string): string | null {
  if (!fs.existsSync(file)) return null
  const met = new Set(fs.readFileSync(file, 'utf8').trim().split('\n'))
  return `» met ${[...met].sort().join(', ')}`
}
