import { defineConfig } from 'vitest/config'

// In this process the packages are seen in their source; the processes that the tests start run what is published.
const conditions = ['pikku-source', 'module', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['pikku-source'] } },
  test: { name: 'conformance', include: ['**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
})
