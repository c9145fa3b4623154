import { defineConfig } from 'vitest/config'

// Programs are started as processes of their own, and told by the tests to take the packages from their sources.
const conditions = ['pikku-source', 'module', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['pikku-source'] } },
  test: { name: 'benchmarks', include: ['src/**/*.test.ts', 'test/**/*.test.ts'], testTimeout: 30_000 },
})
