import { describe, it } from 'vitest'

describe('notices over LISTEN/NOTIFY', () => {
  it.todo('delivered across stores')
})
