import { defineConfig } from 'vitest/config'

// Without 'import' and 'default', which are always there: named here they reach Node's require(), and pg's own
// require('pg-pool') then finds an ES module.
const conditions = ['pikku-source', 'module', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['pikku-source'] } },
  // What is concurrent here waits for deadlines.
  test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts'], testTimeout: 20_000, maxConcurrency: 24 },
})
