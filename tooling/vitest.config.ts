import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'tooling',
    include: [
      '*.test.ts',
      'checks/*.test.ts',
      'commands/*.test.ts',
      'rehearsal/*.test.ts',
      'site/*.test.ts',
      'slow/*.test.ts',
    ],
    testTimeout: 60_000,
  },
})
