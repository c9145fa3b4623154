// Tries the mutants of one subject, in a process of its own (Node takes the types off, no test runner is loaded):
//   node --conditions=pikku-source conformance/mutants/run.ts <subject> [part of a title]
// Told to a parent over its channel, else to the terminal.
import { installCopies } from './copies.ts'
import { judgeMutant, judgeSound, mutantsOf, namedCases } from './judge.ts'
import type { Verdict } from './judge.ts'
import { subjectNamed } from './subjects.ts'

installCopies()
// What a mutant leaves running goes wrong after its case has ended: that is what mutants do.
process.on('unhandledRejection', () => {})

const [name = '', part = ''] = process.argv.slice(2)
const subject = subjectNamed(name)

interface Trial {
  readonly title: string
  play(): Promise<Verdict>
}

const trials: Trial[] = [
  ...namedCases(subject).map((title) => ({ title: `sound: ${title}`, play: () => judgeSound(subject, title) })),
  ...mutantsOf(subject).map(({ title, mutant }) => ({
    title,
    play: () => judgeMutant(subject, mutant),
  })),
].filter(({ title }) => title.includes(part))

const started = performance.now()
const lanes = Array.from({ length: subject.atATime ?? 1 }, async () => {
  for (let trial = trials.shift(); trial; trial = trials.shift()) {
    const begun = performance.now()
    tell(trial.title, await trial.play(), Math.round(performance.now() - begun))
  }
})
await Promise.all(lanes)
await subject.end?.()
if (!process.send) console.log(`${subject.name}: ${Math.round(performance.now() - started)} ms`)
process.exit()

function tell(title: string, verdict: Verdict, ms: number): void {
  if (process.send) process.send({ title, verdict })
  else
    console.log(
      `${verdict.kind.padEnd(6)} ${title} (${ms} ms)${'message' in verdict ? `\n       ${firstLine(verdict.message)}` : ''}`,
    )
}

function firstLine(message: string): string {
  return message.split('\n').find((line) => line.trim() !== '') ?? ''
}
