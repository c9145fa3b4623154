import type { OpenEngine } from '@pikku/core/testing'
import { openPgStore } from '../src/index.ts'
import { databaseUrl, freshSchema, openSql, quiet } from './pg-harness.ts'

/** An engine world in a schema of its own: every process has its own connections, its own renewal thread. */
export async function openPgWorld(url = databaseUrl()): Promise<OpenEngine> {
  const schema = freshSchema()
  const closing = new Set<() => Promise<void>>()
  const open = (): ReturnType<typeof openPgStore> => {
    const ports = openPgStore(url, schema, { leaseMs: 2_000, logger: quiet })
    closing.add(() => ports.store.close())
    return ports
  }
  await open().admin.migrate()
  return {
    mode: 'inline',
    process: () => {
      const ports = open()
      const close = (): Promise<void> => ports.store.close()
      // To the server the end of its connections is all there is to see of a death.
      return Promise.resolve({ ports, close, vanish: close })
    },
    dispose: async () => {
      await Promise.all([...closing].map((close) => close()))
      const sql = openSql(1, url)
      await sql.unsafe(`drop schema if exists ${schema} cascade`)
      await sql.end()
    },
  }
}
