// Stands in for the warehouse, the bank and the carrier. Whoever asks again with the same key is given the first answer
// again, and nothing else happens.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

interface Answer {
  readonly status: number
  readonly body: string
}

const answers = new Map<string, Answer>()

async function answer(what: string, key: string, data: { amount?: number }): Promise<Answer> {
  const known = answers.get(key)
  if (known) {
    console.log(`${what}: asked again with key ${key}, nothing is done`)
    return known
  }
  const declined = what === 'charges' && (data.amount ?? 0) > 1000
  const given = declined
    ? { status: 402, body: 'the card was declined' }
    : { status: 200, body: JSON.stringify({ id: `${what}-${answers.size + 1}` }) }
  answers.set(key, given)
  console.log(`${what}: ${declined ? 'declined' : 'done'} for key ${key}`)
  // The bank takes its time: long enough for you to kill who is waiting for it.
  if (what === 'charges' && !declined) await delay(10_000)
  return given
}

const server = createServer((request, response) => {
  const [what, key] = [(request.url ?? '').slice(1), String(request.headers['idempotency-key'])]
  json(request)
    .then((data) => answer(what, key, data as { amount?: number }))
    .then(
      ({ status, body }) => response.writeHead(status).end(body),
      (error: unknown) => response.writeHead(400).end(String(error)),
    )
})
server.listen(Number(process.env.OUTSIDE_PORT ?? 4000), '127.0.0.1')
await once(server, 'listening')
console.log('the outside world is ready')
