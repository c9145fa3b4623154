import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface FakeServer {
  readonly url: string
  close(): Promise<void>
}

/** Something that speaks enough of Redis' protocol to be asked what it is: for servers that cannot be had here. */
export async function openFakeServer(info: string): Promise<FakeServer> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', (data) => {
      // Commands come as arrays of bulk strings; only their names matter.
      const commands = data
        .toString()
        .split(/^\*\d+\r\n/m)
        .slice(1)
      for (const command of commands) socket.write(answerTo(command.split('\r\n')[1]?.toLowerCase() ?? '', info))
    })
    socket.on('error', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `redis://127.0.0.1:${port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function answerTo(command: string, info: string): string {
  if (command === 'info') return `$${Buffer.byteLength(info)}\r\n${info}\r\n`
  return `-ERR unknown command '${command}'\r\n`
}
