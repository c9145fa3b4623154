import net from 'node:net'

/** A server that speaks just enough of PostgreSQL's protocol to let a client in and to say how old it is. */
export interface OldServer {
  readonly url: string
  /** The statements it was asked. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

/** `version`: as PostgreSQL reports it, 90600 for 9.6. */
export async function startOldServer(version: number): Promise<OldServer> {
  const asked: string[] = []
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    serve(socket, { version, asked })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  return {
    url: `postgresql://ada:secret@127.0.0.1:${port}/old`,
    asked,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function serve(socket: net.Socket, { version, asked }: { version: number; asked: string[] }): void {
  let received = Buffer.alloc(0)
  let started = false
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk])
    for (;;) {
      // The first message has no type byte.
      const head = started ? 1 : 0
      if (received.length < head + 4) return
      const length = head + received.readInt32BE(head)
      if (received.length < length) return
      const message = received.subarray(0, length)
      received = received.subarray(length)
      if (!started) {
        started = true
        socket.write(Buffer.concat([welcome(version), readyForQuery]))
      } else answer(socket, { message, version, asked })
    }
  })
}

function answer(
  socket: net.Socket,
  { message, version, asked }: { message: Buffer; version: number; asked: string[] },
): void {
  const type = String.fromCharCode(message[0] ?? 0)
  if (type === 'Q') {
    const statement = message.subarray(5, -1).toString()
    asked.push(statement)
    const rows = [oneColumn, oneRow(String(version)), packet('C', text('SELECT 1'))]
    socket.write(Buffer.concat([...(statement.includes('server_version') ? rows : [syntaxError]), readyForQuery]))
  } else if (type === 'P') {
    asked.push(message.subarray(5).toString().split('\0')[1] ?? '')
    socket.write(syntaxError)
  } else if (type === 'S') socket.write(readyForQuery)
}

function welcome(version: number): Buffer {
  const dotted = `${Math.floor(version / 10_000)}.${Math.floor((version % 10_000) / 100)}`
  const authenticated = packet('R', Buffer.from([0, 0, 0, 0]))
  return Buffer.concat([authenticated, packet('S', Buffer.concat([text('server_version'), text(dotted)]))])
}

function packet(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`)

const syntaxError = packet(
  'E',
  Buffer.concat(['SERROR', 'C42601', 'Msyntax error at or near "partition"', ''].map(text)),
)

const readyForQuery = packet('Z', Buffer.from('I'))

/** One column, `version`, an int4 (type 23) as text. */
const oneColumn = packet(
  'T',
  Buffer.concat([
    Buffer.from([0, 1]),
    text('version'),
    Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0]),
  ]),
)

function oneRow(value: string): Buffer {
  const body = Buffer.alloc(6)
  body.writeInt16BE(1)
  body.writeInt32BE(value.length, 2)
  return packet('D', Buffer.concat([body, Buffer.from(value)]))
}
