import { describe, it } from 'vitest'

describe('behind PgBouncer in transaction mode', () => {
  it.todo('runs end')
})
