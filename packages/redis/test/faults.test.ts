import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { freePort } from '@pikku/tooling/redis'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { RedisServer } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisWorkflowService } from '../src/index.ts'
import type { Given } from '../src/index.ts'
import { freshPrefix, quiet, until } from './redis-harness.ts'
import { registryOf } from './support/app.ts'

/*
 * A server that lets nobody in, cuts off whoever is idle, loads its data, is busy, or is not heard of any more: calls end
 * in time, and runs go on when it is over.
 */

const entered: string[] = []
const registry = registryOf({
  workflows: {
    mixed: async ({ workflow }) => {
      for (let i = 0; i < 10; i += 1) {
        await workflow.do(`inline ${i}`, () => entered.push(`${workflow.runId} inline ${i}`))
        await workflow.do(`rpc ${i}`, 'note', `${workflow.runId} rpc ${i}`)
      }
      return 'done'
    },
    waits: async ({ workflow }) => {
      await workflow.do('before', () => 1)
      await workflow.sleep('longer than the server lets anybody be idle', 2_500)
      return workflow.do('after', () => 'done')
    },
  },
  functions: { note: (_services, data) => entered.push(String(data)) },
})

let closing: (() => Promise<unknown>)[]
beforeEach(() => {
  closing = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
}, 30_000)

function open(given: Given): RedisWorkflowService {
  const service = new RedisWorkflowService(given, undefined, freshPrefix(), {
    leaseMs: 2_000,
    timing: { sweepMs: 200 },
  })
  closing.push(() => service.close({ graceMs: 0 }))
  service.bind({ workflowService: service, logger: quiet }, registry)
  return service
}

async function outputOf(service: RedisWorkflowService, workflow = 'mixed'): Promise<unknown> {
  const { runId } = await service.startRun(workflow, null, { runId: randomUUID() })
  return service.waitForRun(runId, { timeout: 30_000 })
}

async function under<Answer>(service: RedisWorkflowService, happening: () => Promise<Answer>): Promise<Answer> {
  const before = entered.length
  const running = outputOf(service)
  await until(() => entered.length >= before + 4)
  const answer = await happening()
  expect(await running).toBe('done')
  const mine = entered.slice(before)
  expect(new Set(mine).size).toBe(20)
  return answer
}

describe('a server', () => {
  let server: RedisServer
  let admin: Redis

  beforeAll(async () => {
    server = await startFreshRedis({
      settings: { 'enable-debug-command': 'yes', 'loading-process-events-interval-bytes': '1024' },
    })
    admin = new Redis(server.url)
  }, 60_000)
  afterAll(async () => {
    admin.disconnect()
    await server.dispose()
  })

  const cutAll = () => admin.call('client', 'kill', 'type', 'normal', 'skipme', 'yes')

  it(
    'changes its password: connections that are open stay, new ones are refused until it is known',
    { timeout: 60_000 },
    async () => {
      const service = open(server.url)
      expect(await outputOf(service)).toBe('done')
      await admin.config('SET', 'requirepass', 'another')
      closing.push(() => admin.config('SET', 'requirepass', server.password))
      expect(await outputOf(service)).toBe('done')
      await cutAll()
      const since = performance.now()
      await expect(service.getRun('x')).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.not.stringContaining(server.password),
      })
      expect(performance.now() - since).toBeLessThan(12_000)
      await admin.config('SET', 'requirepass', server.password)
      expect(await outputOf(service)).toBe('done')
    },
  )

  it('has no place for another client: what is asked of it waits for one', { timeout: 60_000 }, async () => {
    const [, most = '10000'] = (await admin.config('GET', 'maxclients')) as string[]
    await admin.config('SET', 'maxclients', 1)
    closing.push(() => admin.config('SET', 'maxclients', most))
    const before = await refusals()
    const output = outputOf(open(server.url))
    await until(async () => (await refusals()) > before)
    await admin.config('SET', 'maxclients', most)
    expect(await output).toBe('done')
  })

  it('is full when connections break: runs go on when there is room', { timeout: 60_000 }, async () => {
    const [, most = '10000'] = (await admin.config('GET', 'maxclients')) as string[]
    await under(open(server.url), async () => {
      await admin.config('SET', 'maxclients', 1)
      const before = await refusals()
      await cutAll()
      // Again and again, by everyone that was cut off.
      await until(async () => (await refusals()) > before + 5)
      await admin.config('SET', 'maxclients', most)
    })
  })

  /** Clients that the server had no place for. */
  async function refusals(): Promise<number> {
    return Number(/rejected_connections:(\d+)/.exec(await admin.info('stats'))?.[1])
  }

  it('cuts off whoever is idle for a second: runs that wait go on', { timeout: 60_000 }, async () => {
    await admin.config('SET', 'timeout', '1')
    closing.push(() => admin.config('SET', 'timeout', '0'))
    const service = open(server.url)
    expect(await outputOf(service, 'waits')).toBe('done')
    expect(await outputOf(service)).toBe('done')
  })

  it('is busy for three seconds', { timeout: 60_000 }, async () => {
    await under(open(server.url), () => admin.call('debug', 'sleep', '3'))
  })

  it('loads its data', { timeout: 60_000 }, async () => {
    const service = open(server.url)
    await service.init()
    await admin.call('debug', 'populate', '5000', 'filling', '100')
    await admin.config('SET', 'key-load-delay', '300')
    closing.push(() => admin.config('SET', 'key-load-delay', '0'))
    // Answers when it is done; until then others are told that it is loading.
    const before = await loadings()
    await under(service, () => admin.call('debug', 'reload'))
    expect((await loadings()) - before).toBeGreaterThan(0)
  })

  async function loadings(): Promise<number> {
    return Number(/errorstat_LOADING:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0)
  }

  if (process.env['LANE'] !== 'slow') return

  it(
    'is not heard of on connections that are open: they are given up, and the answer had from others',
    { timeout: 60_000 },
    async () => {
      const muteMs = 2_000
      const links = new Set<{ pause(): void }>()
      let isMute = false
      const proxy = net.createServer((client) => {
        const upstream = net.connect(server.port, server.host)
        for (const socket of [client, upstream]) socket.on('error', () => undefined)
        client.on('close', () => upstream.destroy())
        upstream.on('close', () => client.destroy())
        client.pipe(upstream).pipe(client)
        const link = {
          pause: () => {
            client.unpipe().pause()
            upstream.unpipe().pause()
          },
        }
        links.add(link)
        if (isMute) link.pause()
      })
      proxy.listen(0, '127.0.0.1')
      await once(proxy, 'listening')
      closing.unshift(async () => void proxy.close())
      const url = new URL(server.url)
      url.port = String((proxy.address() as net.AddressInfo).port)
      const since = performance.now()
      await under(open(url.href), async () => {
        isMute = true
        for (const link of links) link.pause()
        await new Promise((resolve) => setTimeout(resolve, muteMs))
        isMute = false
      })
      console.log(
        `connections that went dead for 2 s: the run ended ${Math.round(performance.now() - since)} ms after its start`,
      )
      expect(performance.now() - since).toBeLessThan(30_000)
    },
  )
})

const openssl = ['/usr/bin/openssl', '/opt/homebrew/bin/openssl'].find((file) => fs.existsSync(file))

describe.skipIf(!openssl)(
  `TLS with a certificate that nobody signed${openssl ? '' : ' (skipped: there is no openssl)'}`,
  () => {
    let server: RedisServer
    let port: number
    let ca: string

    beforeAll(async () => {
      const directory = fs.mkdtempSync('/var/tmp/pikku-tls-')
      const [key, cert] = [path.join(directory, 'key'), path.join(directory, 'cert')]
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
      execFileSync(
        openssl ?? '',
        ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject],
        { stdio: 'ignore' },
      )
      ca = fs.readFileSync(cert, 'utf8')
      port = await freePort()
      server = await startFreshRedis({
        settings: {
          'tls-port': String(port),
          'tls-cert-file': cert,
          'tls-key-file': key,
          'tls-ca-cert-file': cert,
          'tls-auth-clients': 'no',
        },
      })
      return async () => {
        await server.dispose()
        fs.rmSync(directory, { recursive: true })
      }
    }, 60_000)

    it('is refused, and said why', { timeout: 30_000 }, async () => {
      const since = performance.now()
      await expect(open(`rediss://:${server.password}@127.0.0.1:${port}`).init()).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining('self-signed certificate'),
      })
      expect(performance.now() - since).toBeLessThan(3_000)
    })

    it('known as its own authority: runs end', { timeout: 30_000 }, async () => {
      expect(await outputOf(open({ host: '127.0.0.1', port, password: server.password, tls: { ca } }))).toBe('done')
    })
  },
)
