import { defineConfig } from 'vitest/config'

const conditions = ['pikku-source', 'module', 'node']

// The adapters of docs/writing-a-store.md and docs/writing-a-queue.md, against the kit as it is in this repository.
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['pikku-source'] } },
  test: {
    name: 'docs',
    include: ['writing-a-*/*.test.ts'],
    // A scenario dies at hundreds of points then.
    testTimeout: process.env['LANE'] === 'slow' ? 900_000 : 60_000,
  },
})
