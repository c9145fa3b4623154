import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Generated } from '../src/generate.ts'
import { watch } from '../src/watch.ts'
import { projectOf, writeFile } from './fixtures.ts'

test('follows the configuration: from broken to fixed, and into another folder', async () => {
  const project = projectOf('app')
  const config = path.join(project, 'pikku.config.json')
  writeFile(config, '{')
  const passes: Generated[] = []
  const watching = watch(config, (pass) => passes.push(pass))
  onTestFinished(() => watching.close())
  const functions = () => passes.at(-1)?.result?.model.rpcs.map(({ name }) => name)
  const soon = { timeout: 10_000 }

  await expect.poll(() => passes.length, soon).toBe(1)
  expect(passes[0]?.config).toBeUndefined()

  writeFile(config, '{ "workflows": { "singleQueue": true } }')
  await expect.poll(functions, soon).toContain('createUser')

  mkdirSync(path.join(project, 'more'))
  writeFile(config, '{ "srcDirectories": ["src", "more"], "workflows": { "singleQueue": true } }')
  await expect.poll(() => passes.at(-1)?.config?.srcDirectories.length, soon).toBe(2)
  const users = `import { pikkuSessionlessFunc } from '../src/workflows/pikku.workflows.gen.js'
export const another = pikkuSessionlessFunc<void, void>(async () => {})
`
  // The new folder is being scanned meanwhile; whether the file is found by the scan or after it must not matter.
  writeFile(path.join(project, 'more/another.ts'), users)
  await expect.poll(functions, soon).toContain('another')
})
