// `pnpm bench`: see BENCHMARKS.md.
import { CommanderError } from 'commander'
import { parseArguments } from './cli.ts'
import { bench } from './bench.ts'

// Ended from outside, it takes its processes along; the servers notice by themselves.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

try {
  await bench(parseArguments(process.argv.slice(2)), {
    say: (line) => process.stderr.write(`» ${line}\n`),
    print: (tables) => process.stdout.write(`${tables}\n`),
  })
} catch (error) {
  // Commander has said it already.
  if (!(error instanceof CommanderError)) console.error(error)
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1
}
