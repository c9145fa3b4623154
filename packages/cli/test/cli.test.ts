import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { refuseNode } from '../src/node-version.ts'
import { packageRoot, projectOf, writeFile } from './fixtures.ts'

// Before 22.18 Node.js reads TypeScript only when told to.
const typescript = process.features.typescript
  ? []
  : ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
const command = [...typescript, path.join(packageRoot, 'src/cli.ts')]

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function pikku(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...command, ...args],
      { cwd, env: { ...process.env, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    )
  })
}

describe('pikku', () => {
  test('generates, and says what it did', async () => {
    const project = projectOf('app')
    expect(await pikku(project, [])).toEqual({
      code: 0,
      stdout:
        '2 workflows, 5 functions, 0 queue workers: wrote src/workflows/pikku.workflows.gen.ts and .pikku/workflows.json\n',
      stderr: '',
    })
    expect((await pikku(project, [])).stdout).toBe('2 workflows, 5 functions, 0 queue workers: nothing changed\n')
  })

  test('takes a configuration from elsewhere; positions are relative to where the terminal is', async () => {
    const project = projectOf('diagnostics')
    const { code, stderr, stdout } = await pikku(path.dirname(project), ['--config', 'diagnostics/pikku.config.json'])
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr.split('\n')[0]).toMatch(/^diagnostics\/src\/broken\.ts:3:\d+ - error: syntax error/)
    expect(stderr).toMatch(/\n27 errors; nothing was written\n$/)
  })

  test('the bytes do not depend on the locale', async () => {
    const generated = async (locale: string) => {
      const project = projectOf('resolution')
      expect((await pikku(project, [], { LC_ALL: locale, LANG: locale })).code).toBe(0)
      return readFileSync(path.join(project, 'src/gen.ts'), 'utf8')
    }
    expect(await generated('tr_TR.UTF-8')).toBe(await generated('C'))
  })

  test('--help, --version, and what it does not know', async () => {
    const project = projectOf('empty')
    const help = await pikku(project, ['--help'])
    expect(help.code).toBe(0)
    expect(help.stdout).toMatch(/watch\s+generate now and after every change/)
    expect(help.stdout).toMatch(/--config <file>/)
    const { version } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'))
    expect((await pikku(project, ['--version'])).stdout).toBe(`${version}\n`)
    const unknown = await pikku(project, ['wach'])
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toMatch(/unknown command 'wach'|too many arguments/)
  })

  test('create asks nobody where there is no terminal, and says what is missing', async () => {
    const project = projectOf('empty')
    const nobody = await pikku(project, ['create'])
    expect(nobody).toEqual({
      code: 1,
      stdout: '',
      stderr: 'which folder? npx @pikku/cli create <dir> [--store pg|redis]\n',
    })
    const unknown = await pikku(project, ['create', 'app', '--store', 'mysql'])
    expect(unknown.code).toBe(1)
    expect(unknown.stderr).toBe("there is no store 'mysql'; there are pg and redis\n")
  })

  test('watch goes on after an error, and ends at SIGTERM', async () => {
    const project = projectOf('app')
    const child = spawn(process.execPath, [...command, 'watch'], { cwd: project })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
    try {
      await expect.poll(() => said, { timeout: 10_000 }).toContain('wrote src/workflows/pikku.workflows.gen.ts')
      const file = path.join(project, 'src/workflows/my-workflow.ts')
      const text = readFileSync(file, 'utf8')
      writeFile(file, text.replace('myWorkflow', 'onboarding'))
      await expect.poll(() => said, { timeout: 10_000 }).toContain("a workflow named 'onboarding' is wired already")
      writeFile(file, text.replace('myWorkflow', 'another'))
      const output = path.join(project, 'src/workflows/pikku.workflows.gen.ts')
      await expect.poll(() => readFileSync(output, 'utf8'), { timeout: 10_000 }).toContain('readonly another:')
    } finally {
      child.kill('SIGTERM')
    }
    expect(await ended).toBe(0)
  })
})

test('an app whose modules need the generated file loads, the user module first', async () => {
  const project = projectOf('ts-extensions')
  expect((await pikku(project, [])).code).toBe(0)
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    const main = path.join(project, 'src/main.ts')
    execFile(process.execPath, [...typescript, '--conditions', 'pikku-source', main], (_error, stdout, stderr) =>
      resolve({ stdout, stderr }),
    )
  })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    workflows: ['greeting'],
    rpcs: ['hello'],
    queues: [['greetings', 5]],
    hello: '> world',
  })
})

test.each([
  ['v20.20.2', true],
  ['v22.11.9', true],
  ['v22.12.0', false],
  ['v24.0.0', false],
])('Node.js %s: refused %s', (version, refused) => {
  expect(refuseNode(version) !== undefined).toBe(refused)
  if (refused) expect(refuseNode(version)).toContain(`pikku needs Node.js 22.12.0 or newer; this is ${version}`)
})
