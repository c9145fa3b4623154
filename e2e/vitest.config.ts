import { defineConfig } from 'vitest/config'

// No `pikku-source` here: these tests run what is published, in processes that know nothing of this repository.
export default defineConfig({
  test: {
    name: 'e2e',
    include: ['test/**/*.test.ts'],
    globalSetup: ['./harness/generate.ts'],
    testTimeout: 90_000,
    hookTimeout: 60_000,
    // Two cores: tests that kill and measure do not share them.
    fileParallelism: false,
  },
})
