import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { serverAccount, startFreshPostgres, type PostgresServer } from '@pikku/tooling/postgres'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Driver } from '../src/driver.ts'
import type { Connection } from '../src/driver.ts'
import { PgWorkflowService } from '../src/index.ts'
import { freshSchema, quiet } from './pg-harness.ts'
import { registryOf } from './support/app.ts'

const registry = registryOf({
  workflows: {
    mixed: async ({ workflow }) => {
      await workflow.do('inline', () => 1)
      await workflow.do('rpc', 'note')
      return 'done'
    },
  },
  functions: { note: () => 2 },
})

let closing: (() => Promise<unknown>)[]
beforeEach(() => {
  closing = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
}, 30_000)

function open(url: string): PgWorkflowService {
  const service = new PgWorkflowService(url, undefined, freshSchema())
  closing.push(() => service.close({ graceMs: 0 }))
  service.bind({ workflowService: service, logger: quiet }, registry)
  return service
}

const openssl = ['/usr/bin/openssl', '/opt/homebrew/bin/openssl', '/usr/local/bin/openssl'].find((file) =>
  fs.existsSync(file),
)

describe.skipIf(!openssl)(
  `TLS with a certificate that nobody signed${openssl ? '' : ' (skipped: there is no openssl)'}`,
  () => {
    let secured: PostgresServer
    let certificate: string

    beforeAll(async () => {
      const directory = fs.mkdtempSync('/var/tmp/pikku-tls-')
      const [key, cert] = [path.join(directory, 'key'), path.join(directory, 'cert')]
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
      execFileSync(
        openssl ?? '',
        ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject],
        { stdio: 'ignore' },
      )
      const { uid, gid } = serverAccount()
      if (uid !== undefined && gid !== undefined)
        for (const file of [directory, key, cert]) fs.chownSync(file, uid, gid)
      fs.chmodSync(key, 0o600)
      certificate = fs.readFileSync(cert, 'utf8')
      secured = await startFreshPostgres({ settings: { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key } })
      return async () => {
        await secured.dispose()
        fs.rmSync(directory, { recursive: true })
      }
    }, 60_000)

    const usesTls = async (connection: Connection): Promise<unknown> => {
      const driver = new Driver(connection, { logger: quiet, userTimeoutMs: 1_000, answerTimeoutMs: 5_000 })
      try {
        const text = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'
        return (await driver.pool({ max: 1 }).query({ name: 'test', text }, []))[0]?.['ssl']
      } finally {
        await driver.close()
      }
    }

    it.each(['require', 'prefer', 'allow'])('sslmode=%s: is taken as it is', async (mode) => {
      expect(await usesTls(`${secured.url}?sslmode=${mode}`)).toBe(true)
    })

    it('sslmode=disable', async () => {
      expect(await usesTls(`${secured.url}?sslmode=disable`)).toBe(false)
    })

    it('sslmode=verify-full: refused, and said why', { timeout: 30_000 }, async () => {
      await expect(open(`${secured.url}?sslmode=verify-full`).init()).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining('self-signed certificate'),
      })
    })

    it('known as its own authority: verified', async () => {
      const { hostname, port, username, password } = new URL(secured.url)
      const where = { port: Number(port), user: username, password, database: 'postgres' }
      expect(await usesTls({ ...where, host: hostname, ssl: { ca: certificate } })).toBe(true)
      expect(await usesTls({ ...where, host: 'localhost', ssl: { ca: certificate } })).toBe(true)
    })

    it('a run, and its thread that renews leases', { timeout: 30_000 }, async () => {
      const service = open(`${secured.url}?sslmode=require`)
      const { runId } = await service.startRun('mixed', null)
      expect(await service.waitForRun(runId)).toBe('done')
    })
  },
)
