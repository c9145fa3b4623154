import { once } from 'node:events'
import net from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Link } from '../chaos/link.ts'
import { away, storm } from '../chaos/server-faults.ts'
import { eventually } from '../harness/deadline.ts'

/** That the faults of chaos are what they are called. */

describe('a way to the server that is', () => {
  /** What has arrived at the server; it answers the same. */
  let arrived: string
  /** Connections that the server has. */
  let connections: number
  let echo: net.Server
  let link: Link
  let client: net.Socket
  let answered: string

  beforeEach(async () => {
    arrived = ''
    answered = ''
    connections = 0
    echo = net.createServer((socket) => {
      connections += 1
      socket.on('data', (data) => {
        arrived += data.toString()
        socket.write(data)
      })
      socket.on('error', () => {}) // It is cut on purpose.
      socket.on('close', () => (connections -= 1))
    })
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    link = await Link.open((echo.address() as net.AddressInfo).port)
    client = connect()
    await exchange('a')
  })
  afterEach(async () => {
    client.destroy()
    link.close()
    await eventually('all connections are closed', () => connections === 0)
    echo.close()
  })

  function connect(): net.Socket {
    const socket = net.connect(link.port, '127.0.0.1')
    socket.on('data', (data) => (answered += data.toString()))
    socket.on('error', () => {}) // It is cut on purpose.
    return socket
  }

  async function exchange(text: string): Promise<void> {
    const before = answered
    client.write(text)
    await eventually('the answer is there', () => answered === before + text)
  }

  test('refused: nobody is connected, and nobody gets through', async () => {
    link.disturb('refused')
    await eventually('both ends are told', () => client.closed && connections === 0)
    client = connect()
    await eventually('it is turned away', () => client.closed)
    expect(connections).toBe(0)
    link.mend()
    client = connect()
    await exchange('b')
  })

  test('deaf: what is asked arrives, what is answered does not, and whoever missed it is told in the end', async () => {
    link.disturb('deaf')
    client.write('b')
    await eventually('it has arrived', () => arrived === 'ab')
    expect([answered, client.closed]).toEqual(['a', false])
    link.mend()
    await eventually('both ends are told', () => client.closed && connections === 0)
    expect(answered).toBe('a')
  })

  test('severed: the server has lost its client, who does not know', async () => {
    link.disturb('severed')
    await eventually('the server is told', () => connections === 0)
    client.write('b')
    // Who connects meanwhile is not heard either.
    const another = connect()
    another.write('c')
    await eventually('the second connects', () => connections === 1)
    expect([arrived, answered, client.closed, another.closed]).toEqual(['a', 'a', false, false])
    link.mend()
    await eventually('both ends are told', () => client.closed && connections === 0)
  })

  test('delayed: everything arrives, in its order, and late', async () => {
    link.disturb({ delayMs: 50 })
    const since = performance.now()
    for (const text of 'bcd') client.write(text)
    await eventually('all is answered', () => answered === 'abcd')
    // There and back.
    expect(performance.now() - since).toBeGreaterThan(95)
    client.write('e')
    await eventually('it is on its way', () => arrived === 'abcde')
    link.mend()
    client.write('f')
    await eventually('all is answered', () => answered === 'abcdef')
  })
})

describe('what is done to a server', () => {
  test('a storm strikes until it is over', async () => {
    let strikes = 0
    let atTheEnd = 0
    await storm(async () => void (strikes += 1))(async () => {
      await eventually('it has struck thrice', () => strikes === 3)
      atTheEnd = strikes
    })
    expect(strikes - atTheEnd).toBeLessThanOrEqual(1)
  })

  test('a storm that cannot strike fails, whatever is waited for meanwhile', async () => {
    const cannot = storm(() => Promise.reject(new Error('the server cannot be reached')))
    await expect(cannot(() => new Promise(() => undefined))).rejects.toThrow('the server cannot be reached')
  })

  test('one that was away is started again', async () => {
    const happened: string[] = []
    const note = (what: string) => async () => void happened.push(what)
    await away(note('stopped'), note('started'))(note('away'))
    expect(happened).toEqual(['stopped', 'away', 'started'])
  })
})
