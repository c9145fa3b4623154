import { defineConfig } from 'vitest/config'
import { ofBoth, shared } from './vitest.shared.config.ts'

/** Two cores: tests that kill and measure do not share them. */
export default defineConfig({
  test: { ...ofBoth, name: 'e2e', include: ['test/**/*.test.ts'], exclude: shared, fileParallelism: false },
})
