// What an app takes in with core, and the part of it that decides alone: everything each imports, minified and compressed.
const forNode = (config) => ({ ...config, platform: 'node' })
const core = '../packages/core'

export default [
  { name: '@pikku/core', path: `${core}/dist/index.js`, limit: '32 kB', modifyEsbuildConfig: forNode },
  { name: 'replay', path: `${core}/src/replay/index.ts`, limit: '7 kB', modifyEsbuildConfig: forNode },
]
