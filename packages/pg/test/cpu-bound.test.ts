import { describe, it } from 'vitest'

describe('A22: a step that holds the main thread', () => {
  it.todo('keeps its lease by the renewal thread')
})
