import net from 'node:net'

/** A server that speaks just enough of Redis' protocol to be asked what it is. */
export interface FakeRedis {
  readonly port: number
  /** The names of the commands it was asked. */
  readonly asked: ReadonlySet<string>
  close(): Promise<void>
}

/** `info`: what it says of itself, as `INFO` does. */
export async function startFakeRedis(info: Readonly<Record<string, string>>): Promise<FakeRedis> {
  const asked = new Set<string>()
  const text = Object.entries(info).map(([name, value]) => `${name}:${value}\r\n`).join('') // prettier-ignore
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    // Commands come as arrays of strings with their lengths, each in one piece; only their names matter.
    socket.on('data', (data) => {
      for (const command of data.toString().split(/^\*\d+\r\n/m).slice(1)) socket.write(answer(command)) // prettier-ignore
    })
  })
  function answer(command: string): string {
    const name = command.split('\r\n')[1]?.toLowerCase() ?? ''
    asked.add(name)
    if (name === 'info') return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
    if (['auth', 'select', 'client', 'ping'].includes(name)) return '+OK\r\n'
    return `-ERR unknown command '${name}'\r\n`
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    asked,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
