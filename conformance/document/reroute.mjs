// Loaded before everything else (NODE_OPTIONS, so that worker threads load it too): whatever connects to the servers
// that the document names, localhost:5432 and localhost:6379, reaches the test servers instead.
import net from 'node:net'

const targets = new Map(Object.entries(JSON.parse(process.env.REROUTE ?? '{}')))
const connect = net.Socket.prototype.connect

net.Socket.prototype.connect = function rerouted(...args) {
  // net.connect and tls.connect hand over their arguments as one list, which they have marked as their own.
  const own = Array.isArray(args[0])
  const [first, second] = own ? args[0] : args
  const options =
    typeof first === 'object' ? first : { port: first, host: typeof second === 'string' ? second : undefined }
  const target = targets.get(`${options.host ?? 'localhost'}:${options.port}`)
  if (!target) return connect.apply(this, args)
  const [host, port] = target.split(':')
  const changed = { ...options, host, port: Number(port) }
  if (own) args[0][0] = changed
  else args = [changed, ...args.filter((arg) => typeof arg === 'function')]
  return connect.apply(this, args)
}
