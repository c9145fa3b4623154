import { describe, it } from 'vitest'

describe('statements and round trips on the wire', () => {
  it.todo('one per operation, two at most for a commit')
})
