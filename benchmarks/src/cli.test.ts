import { expect, test } from 'vitest'
import { parseArguments } from './cli.ts'

const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean))

test('without arguments: all workloads but the curves, both stores, every peer', () => {
  const { size, only, stores, peers, json, write } = parse('')
  expect(size.name).toBe('full')
  expect(size.repetitions).toBeGreaterThanOrEqual(5)
  expect(only).toEqual([
    ...['inline', 'rpc', 'history', 'fanout', 'latency', 'sleep', 'recovery', 'idle', 'sleeping', 'aged', 'replay'],
    'cost',
  ])
  expect(stores).toEqual(['pg', 'redis'])
  expect(peers).toEqual(['dbos', 'openworkflow', 'absurd', 'restate'])
  expect([json, write]).toEqual([null, false])
})

test('everything at once', () => {
  const given = parse('--quick --only inline,rpc --store redis --peers dbos,restate --json out.json')
  expect(given).toMatchObject({
    size: { name: 'quick' },
    only: ['inline', 'rpc'],
    stores: ['redis'],
    peers: ['dbos', 'restate'],
    json: 'out.json',
  })
  expect(parse('--growth --write').write).toBe(true)
})

test('no peers', () => {
  expect(parse('--peers none').peers).toEqual([])
})

test('the curves alone', () => {
  const { only } = parse('--growth')
  expect(only).toHaveLength(6)
  expect(only.every((group) => group.startsWith('growth-'))).toBe(true)
})

test.each([
  '--only inlin',
  '--store mysql',
  '--peers dbos,temporal',
  '--what',
  '--only',
  '--write --only inline',
  '--write --store pg',
])('%s is refused', (line) => {
  const written = process.stderr.write
  process.stderr.write = () => true
  try {
    expect(() => parse(line)).toThrow()
  } finally {
    process.stderr.write = written
  }
})
