// A plain object: the root has no dependencies, so there is no `vitest/config` to import here.
export default {
  test: {
    projects: ['packages/*', 'e2e', 'conformance', 'tooling'],
    // Most tests wait for a server more than they compute: on two cores one file at a time would leave half of them idle.
    maxWorkers: 2,
    globalSetup: ['./tooling/global-setup.ts', './tooling/redis-global-setup.ts'],
  },
}
