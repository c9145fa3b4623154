import { expect, test } from 'vitest'
import { declaredByQueues, page, pageWith } from './table.ts'

// `pnpm vitest run queues/table -u` brings the page up to date.
test('the page on queues has the table that the kit and the declared differences make', async () => {
  const queues = await declaredByQueues()
  expect(queues.map(({ name }) => name)).toEqual(expect.arrayContaining(['memory', 'pg-boss']))
  await expect(pageWith(queues)).toMatchFileSnapshot(page)
})
