import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { StorePorts } from '@pikku/core/contract'
import type { OpenStore } from '@pikku/core/testing'
import { openSqlite } from './index.ts'

/** A store in a file of its own, gone with `dispose`. */
export async function openStore(): Promise<OpenStore> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sqlite-store-'))
  const opened = new Set<StorePorts>()
  let offsetMs = 0
  const open = (): StorePorts => {
    // `off`: the tests kill processes, not the machine.
    const options = { clock: () => Date.now() + offsetMs, synchronous: 'off' } as const
    const ports = openSqlite(path.join(folder, 'store.db'), options)
    opened.add(ports)
    return ports
  }
  const ports = open()
  await ports.admin.migrate()
  return {
    ports,
    sibling: async () => open(),
    advance: async (ms) => void (offsetMs += ms),
    dispose: async () => {
      for (const { store } of opened) await store.close()
      rmSync(folder, { recursive: true })
    },
  }
}
