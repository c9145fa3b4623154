import type { Statement } from '../driver.ts'

/**
 * Notifications, each to the channel. Commits without waiting for the disk: it writes nothing, and a notification that
 * waits for one holds up every other on the server.
 *
 * $1 channel · $2 payloads json
 */
export const publish: Statement = {
  name: 'publish',
  text: `
  select set_config('synchronous_commit', 'off', true), pg_notify($1::text, p.payload)
  from jsonb_array_elements_text($2::text::jsonb) as p(payload)`,
}
