import { defineConfig } from 'tsup'

export default defineConfig({
  // The thread is started from a file of its own.
  entry: { index: 'src/index.ts', 'renewal-thread': 'src/renewal-thread.ts' },
  format: ['esm'],
  target: 'node22',
  dts: false,
  clean: true,
  sourcemap: true,
})
