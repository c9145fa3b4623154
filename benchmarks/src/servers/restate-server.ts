import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { KeptServer, serverDeadlineMs } from '@pikku/tooling/kept-server'
import { freePort } from '@pikku/tooling/redis'
import { peersFolder } from '../peers.ts'
import type { Place } from '../programs/protocol.ts'

export interface RestateServer {
  readonly place: NonNullable<Place['restate']>
  stop(): Promise<void>
}

/** One node with its defaults, on free ports and in a directory of its own. Runs during the turns of Restate alone. */
export async function startRestateServer(): Promise<RestateServer> {
  const platform = `${process.platform}-${process.arch}`
  const program = path.join(peersFolder, `node_modules/@restatedev/restate-server-${platform}/bin/restate-server`)
  if (!fs.existsSync(program)) throw new Error(`there is no Restate server for ${platform}`)
  const [node, ingress, admin, serve] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-restate-'))
  const settings = {
    RESTATE_BASE_DIR: path.join(scratch, 'data'),
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_PORT: String(node),
    RESTATE_INGRESS__BIND_PORT: String(ingress),
    RESTATE_ADMIN__BIND_PORT: String(admin),
    RESTATE_DISABLE_TELEMETRY: 'true',
    RESTATE_LOG_FILTER: 'error',
  }
  const assignments = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  const server = new KeptServer({
    name: 'Restate',
    command: ['/usr/bin/env', ...assignments, program, '--no-logo'],
    scratch,
    log: path.join(scratch, 'server.log'),
  })
  const place = { ingress: `http://127.0.0.1:${ingress}`, admin: `http://127.0.0.1:${admin}`, serve }
  try {
    await becomeReady(server, place.admin)
  } catch (error) {
    await server.dispose()
    throw error
  }
  return { place, stop: () => server.dispose() }
}

async function becomeReady(server: KeptServer, admin: string): Promise<void> {
  const deadline = Date.now() + serverDeadlineMs
  for (;;) {
    const isUp = await fetch(`${admin}/health`).then(
      ({ ok }) => ok,
      () => false, // It does not listen yet.
    )
    if (isUp) return
    if (!server.running || Date.now() > deadline) throw new Error(`Restate did not start. ${server.lastWords}`)
    await delay(50)
  }
}
