import fs from 'node:fs'
import path from 'node:path'
import { commandsOfThePage, filesOfThePage, playTutorial, type Played } from '@pikku/tooling/tutorial'
import { beforeAll, expect, test } from 'vitest'
import { captured, normalised } from '../../scripts/captured.mjs'
import { openForTemplate, purePairs } from '../harness/pairs.ts'

const folder = path.resolve(import.meta.dirname, '../../docs/examples/tutorial')
const page = path.resolve(import.meta.dirname, '../../docs/tutorial.md')

let played: Played

beforeAll(async () => {
  const [onPostgres] = purePairs
  if (!onPostgres) throw new Error('no such pair')
  const { env, close } = await openForTemplate(onPostgres)
  try {
    played = await playTutorial(folder, env['DATABASE_URL'] ?? '')
  } finally {
    await close()
  }
}, 120_000)

test('whoever writes the files of the page has the whole app', () => {
  const files = fs
    .readdirSync(folder, { encoding: 'utf8', recursive: true })
    .filter((name) => /\.(ts|json)$/.test(name) && !/^\.pikku|\.gen\.ts$/.test(name))
  expect([...filesOfThePage().keys()].toSorted()).toEqual(files.toSorted())
  for (const [name, text] of filesOfThePage()) expect(text).toBe(fs.readFileSync(path.join(folder, name), 'utf8'))
})

test('the orders that are sent are those of the page', () => {
  expect(commandsOfThePage('order')).toEqual([
    `curl localhost:3000/orders/1001 -d '{"item":"chair","quantity":2,"amount":180}'`,
  ])
  expect(commandsOfThePage('too-expensive')[0]).toBe(
    `curl localhost:3000/orders/1002 -d '{"item":"throne","quantity":1,"amount":5000}'`,
  )
})

test('the order goes on in the next worker, and what had ended is not done again', () => {
  const [dead, next] = played.pids
  expect(played.whileDead).toBe('running\n')
  expect(played.end).toBe('completed {"charge":"charges-2","parcel":"parcels-3"}\n')
  expect(played.history.split('\n').map((line) => line.replace(/ of step .*/, ''))).toEqual([
    `Reserve stock, attempt 1, pid ${dead}: succeeded`,
    `Charge card, attempt 1, pid ${dead}: failed: attempt 1`,
    `Charge card, attempt 2, pid ${next}: succeeded`,
    `Ship, attempt 1, pid ${next}: succeeded`,
    '',
  ])
  expect(played.outside.match(/^reservations: .*/gm)).toHaveLength(2) // One for each order.
  const [, charged = '', again = ''] =
    /^charges: done for key (\S+)\ncharges: asked again with key (\S+), nothing is done$/m.exec(played.outside) ?? []
  expect([charged, again]).toEqual([charged, charged])
  expect(charged).not.toBe('')
})

test('the page shows what happened (UPDATE_DOCS=1 writes it)', () => {
  const [ofTheFirst = ''] = played.outside.split(/(?=^reservations: )/m).slice(1)
  const shown = {
    'the tutorial: the order': `${played.end}${played.history}`,
    'the tutorial: the outside world': ofTheFirst,
    'the tutorial: the declined order': `${played.declined}${played.declinedHistory}`,
  }
  const anyHost = (text: string) => normalised(text).replace(/ on \S+:\d+:\w+ was/, ' on <worker> was')
  for (const [name, text] of Object.entries(shown)) {
    const fence = captured(fs.readFileSync(page, 'utf8'), name)
    if (process.env['UPDATE_DOCS']) fs.writeFileSync(page, fence.replacedBy(text))
    else expect(anyHost(text)).toBe(anyHost(fence.text))
  }
})
