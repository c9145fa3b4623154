import type { World } from '../worlds.ts'

/** The rows of runs as an administrator with a console sees them. Fields are named as PostgreSQL names them. */
export interface Editor {
  /** Null takes the value away. Refused where the database knows better than its administrator. */
  setStep(runId: string, step: string, fields: Fields): Promise<void>
  setRun(runId: string, fields: Fields): Promise<void>
  deleteStep(runId: string, step: string): Promise<void>
}

type Fields = Readonly<Record<string, string | number | null>>

export function editorOf({ raw }: World): Editor {
  if (raw.kind === 'postgres') {
    const { sql } = raw
    // As one text: a value that postgres.js cannot make a parameter of, an instant that is none, leaves it waiting for ever.
    const edit = (row: string, fields: Fields) => {
      const names = sql(Object.keys(fields))
      return sql`(${names}) = (select ${names} from jsonb_populate_record(${sql(row)}, ${JSON.stringify(fields)}::text::jsonb))`
    }
    return {
      setStep: async (runId, step, fields) => {
        await sql`update workflows.workflow_step as s set ${edit('s', fields)} where run_id = ${runId} and name = ${step}`
      },
      setRun: async (runId, fields) => {
        await sql`update workflows.workflow_runs as r set ${edit('r', fields)} where run_id = ${runId}`
      },
      deleteStep: async (runId, step) => {
        await sql`delete from workflows.workflow_step where run_id = ${runId} and name = ${step}`
      },
    }
  }
  const { redis, prefix } = raw
  const root = `${prefix}:{0}`
  const stepKey = async (runId: string, step: string): Promise<string> => {
    const place = await redis.hget(`${root}:steps:${runId}`, `0 ${step}`)
    if (place === null) throw new Error(`run ${runId} has no step '${step}'`)
    return `${root}:step:${place}:${runId}`
  }
  const set = async (key: string, fields: Fields): Promise<void> => {
    for (const [name, value] of Object.entries(fields)) {
      const field = name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
      if (value === null) await redis.hdel(key, field)
      else await redis.hset(key, field, value)
    }
  }
  return {
    setStep: async (runId, step, fields) => set(await stepKey(runId, step), fields),
    setRun: (runId, fields) => set(`${root}:run:${runId}`, fields),
    deleteStep: async (runId, step) => {
      const key = await stepKey(runId, step)
      const place = key.slice(`${root}:step:`.length).split(':')[0] ?? ''
      await redis.unlink(key)
      await redis.hdel(`${root}:steps:${runId}`, `0 ${step}`)
      await redis.zrem(`${root}:changes:${runId}`, place)
    },
  }
}
