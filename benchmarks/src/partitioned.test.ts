import { migrationPlan } from '@pikku/pg'
import { expect, test } from 'vitest'
import { byHash, partitioned } from './partitioned.ts'

const plan = migrationPlan('workflows')

test('the two large tables in partitions, everything else as it is', () => {
  const text = partitioned(plan, byHash(4))
  expect(text.match(/partition by hash \(run_id\);/g)).toHaveLength(2)
  expect(text.match(/create table \S+\.workflow_runs_\d partition of \S+\.workflow_runs for values/g)).toHaveLength(4)
  expect(text.match(/with \(modulus 4, remainder 3\) with \(fillfactor = 70/g)).toHaveLength(2)
  const others = (sql: string): readonly string[] => sql.split(';').filter((each) => !/workflow_(runs|step)/.test(each))
  expect(others(text)).toEqual(others(plan))
})

test('a plan that is written otherwise is refused', () => {
  expect(() => partitioned('create table a.workflow_runs (run_id text)', byHash(4))).toThrow('0 of the two tables')
})
