import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '@pikku/tooling/redis'
import { peersFolder } from '../peers.ts'
import type { Place } from '../programs/protocol.ts'

export interface RestateServer {
  readonly place: NonNullable<Place['restate']>
  stop(): Promise<void>
}

/** One node with its defaults, on free ports and in a directory of its own. Runs during the turns of Restate alone. */
export async function startRestateServer(): Promise<RestateServer> {
  const program = path.join(
    peersFolder,
    `node_modules/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
  )
  if (!fs.existsSync(program)) throw new Error(`there is no Restate server for ${process.platform}-${process.arch}`)
  const [node, ingress, admin, serve] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-restate-'))
  const env = {
    ...process.env,
    RESTATE_BASE_DIR: scratch,
    RESTATE_LISTEN_MODE: 'tcp',
    RESTATE_BIND_PORT: String(node),
    RESTATE_INGRESS__BIND_PORT: String(ingress),
    RESTATE_ADMIN__BIND_PORT: String(admin),
    RESTATE_DISABLE_TELEMETRY: 'true',
    RESTATE_LOG_FILTER: 'error',
  }
  const child = spawn(program, ['--no-logo'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const place = { ingress: `http://127.0.0.1:${ingress}`, admin: `http://127.0.0.1:${admin}`, serve }
  const stop = async (): Promise<void> => {
    await end(child)
    fs.rmSync(scratch, { recursive: true, force: true })
  }
  try {
    await becomeReady(child, place.admin)
  } catch (error) {
    await stop()
    throw error
  }
  return { place, stop }
}

async function becomeReady(child: ChildProcess, admin: string): Promise<void> {
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (said += text.toString()))
  const deadline = Date.now() + 30_000
  for (;;) {
    const isUp = await fetch(`${admin}/health`).then(
      ({ ok }) => ok,
      () => false, // It does not listen yet.
    )
    if (isUp) return
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`Restate did not start: ${said.slice(-2_000)}`)
    await delay(50)
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
