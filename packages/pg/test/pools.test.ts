import { describe, it } from 'vitest'

describe('connections and pools', () => {
  it.todo('few, and gone after close')
})
