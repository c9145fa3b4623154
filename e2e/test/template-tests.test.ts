import { execFile } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const template = path.resolve(import.meta.dirname, '../../templates/workflows')

/** As somebody has it who copied the template. */
function copied(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-template-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true }))
  fs.cpSync(template, folder, { recursive: true, filter: (file) => path.basename(file) !== 'node_modules' })
  fs.symlinkSync(path.join(template, 'node_modules'), path.join(folder, 'node_modules'))
  return folder
}

/** What `npm test` runs there. */
function runTests(cwd: string): Promise<{ failed: boolean; output: string }> {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(cwd, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const PATH = [path.join(cwd, 'node_modules/.bin'), process.env['PATH']].join(path.delimiter)
  // Of this test run it knows nothing.
  const env = { ...process.env, PATH, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined }
  return new Promise((resolve) => {
    execFile('sh', ['-c', scripts['test'] ?? ''], { cwd, env }, (error, stdout, stderr) =>
      resolve({ failed: error !== null, output: stdout + stderr }),
    )
  })
}

test('the tests of the template pass in a copy of it, without a server', async () => {
  const { failed, output } = await runTests(copied())
  expect(failed, output).toBe(false)
  expect(output).toMatch(/pass 3\n/)
})

test('a change that does not fit runs under way fails them, and says which step it is', async () => {
  const folder = copied()
  const file = path.join(folder, 'src/workflows/onboarding.ts')
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll("'Pick address'", "'Choose address'"))
  const { failed, output } = await runTests(folder)
  expect(failed, output).toBe(true)
  expect(output).toContain("the history holds 'Pick address' (an inline step), which the code does not ask for")
})
