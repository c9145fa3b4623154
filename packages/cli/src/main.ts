import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import { defaultConfigFile } from './config/config.ts'
import { readStore } from './create/ask.ts'
import { create } from './create/create.ts'
import { formatDiagnostic, type Diagnostic } from './diagnostics.ts'
import { generate, type Generated } from './generate.ts'
import { watch } from './watch.ts'

/** The `pikku` command. Sets the exit code: 1 when there are errors. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('pikku')
    .description('Generate the typed helpers and the registration of a Pikku app, or make one.')
    .version(packageVersion())
    .option('-c, --config <file>', 'the configuration file', defaultConfigFile)
    .showHelpAfterError()
    .action(() => {
      const pass = generate(configOf(program))
      report(pass)
      if (pass.result === undefined) process.exitCode = 1
    })
  program
    .command('watch')
    .description('generate now and after every change')
    .action(() => {
      const watching = watch(configOf(program), report)
      const stop = () => {
        watching.close().catch((error: unknown) => {
          console.error(error)
          process.exitCode = 1
        })
      }
      process.once('SIGINT', stop)
      process.once('SIGTERM', stop)
    })
  addCreate(program)
  await program.parseAsync([...argv])
}

function addCreate(program: Command): void {
  program
    .command('create')
    .description('make an app: six workflows, an API, a worker, and tests')
    .argument('[dir]', 'the folder to make it in')
    .option('-s, --store <name>', 'pg or redis: where runs are kept')
    .action(async (folder: string | undefined, { store }: { store?: string }) => {
      const interactive = process.stdin.isTTY && process.stdout.isTTY
      try {
        process.exitCode = await create({
          folder,
          store: store === undefined ? undefined : readStore(store),
          interactive,
        })
      } catch (error) {
        console.error(error instanceof Error ? error.message : error)
        process.exitCode = 1
      }
    })
}

function configOf(program: Command): string {
  return program.opts<{ config: string }>().config
}

function report({ diagnostics, config, result }: Generated): void {
  const root = config ? config.root : process.cwd()
  for (const diagnostic of diagnostics) console.error(formatDiagnostic(fromHere(diagnostic, root)))
  if (config === undefined || result === undefined) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error').length
    console.error(`${count(errors, 'error')}; nothing was written`)
    return
  }
  const { workflows, rpcs, queueWorkers } = result.model
  const written = result.written.map((file) => path.relative(process.cwd(), file))
  console.log(
    `${count(workflows.length, 'workflow')}, ${count(rpcs.length, 'function')}, ${count(queueWorkers.length, 'queue worker')}: ` +
      (written.length === 0 ? 'nothing changed' : `wrote ${written.join(' and ')}`),
  )
}

/** Positions are relative to the configuration; a terminal opens them relative to where it is. */
function fromHere(diagnostic: Diagnostic, root: string): Diagnostic {
  return { ...diagnostic, file: path.relative(process.cwd(), path.join(root, diagnostic.file)) }
}

function count(howMany: number, what: string): string {
  return `${howMany} ${what}${howMany === 1 ? '' : 's'}`
}

function packageVersion(): string {
  const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return version
}
