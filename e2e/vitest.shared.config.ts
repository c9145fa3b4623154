import { defineConfig } from 'vitest/config'

// No `pikku-source` here: these tests run what is published, in processes that know nothing of this repository.
export const ofBoth = { globalSetup: ['./harness/generate.ts'], testTimeout: 90_000, hookTimeout: 60_000 }

/** They measure nothing, and run beside the tests of the packages. */
export const shared = [
  'chaos-faults',
  'chaos-verdict',
  'docs',
  'redis-connections',
  'server-restart',
  'template-tests',
  'template',
  'tutorial',
].map((name) => `test/${name}.test.ts`)

export default defineConfig({ test: { ...ofBoth, name: 'e2e-shared', include: shared } })
