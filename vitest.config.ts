// A plain object: the root has no dependencies, so there is no `vitest/config` to import here.
export default {
  test: {
    projects: [
      'packages/*',
      'e2e',
      'e2e/vitest.shared.config.ts',
      'conformance',
      'tooling',
      'docs/examples',
      'benchmarks',
    ],
    globalSetup: ['./tooling/global-setup.ts', './tooling/redis-global-setup.ts'],
  },
}
