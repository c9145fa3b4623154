import { expect, test } from 'vitest'
import { commandStats, operationOf } from './server-statistics.ts'

test('a statement is known by what it is made of', () => {
  expect(operationOf('with calls as materialized (…), records as materialized (…)')).toBe('recordSteps')
  expect(operationOf('with calls as materialized (…), plans as materialized (…)')).toBe('commitRun')
  expect(operationOf('select 1')).toBe('the rest')
})

test('commands, what took longest first', () => {
  const info = '# Commandstats\r\ncmdstat_hget:calls=4,usec=8,usec_per_call=2.00\r\ncmdstat_evalsha:calls=2,usec=90\r\n'
  expect(commandStats(info)).toEqual([
    { name: 'evalsha', calls: 2, us: 90 },
    { name: 'hget', calls: 4, us: 8 },
  ])
})
