import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changed, root } from './copies.ts'
import { mutantsOf, namedCases, type Verdict } from './judge.ts'
import { subjects } from './subjects.ts'

const program = path.join(import.meta.dirname, 'run.ts')
/** The last of a subject waits for all before it. */
const timeout = 240_000

/** What the process that tries a subject's mutants has told. */
class Verdicts {
  readonly #verdicts = new Map<string, PromiseWithResolvers<Verdict>>()
  readonly #child: ChildProcess
  #ended: Verdict | undefined

  constructor(name: string) {
    this.#child = fork(program, [name], {
      execArgv: ['--conditions=pikku-source'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#child.on('message', (told: { title: string; verdict: Verdict }) => this.#of(told.title).resolve(told.verdict))
    this.#child.on('exit', (code, signal) => {
      this.#ended = { kind: 'broken', message: `the process ended before that (${code ?? signal})` }
      for (const verdict of this.#verdicts.values()) verdict.resolve(this.#ended)
    })
  }

  of(title: string): Promise<Verdict> {
    return this.#of(title).promise
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }

  #of(title: string): PromiseWithResolvers<Verdict> {
    const verdict = this.#verdicts.get(title) ?? Promise.withResolvers<Verdict>()
    this.#verdicts.set(title, verdict)
    if (this.#ended) verdict.resolve(this.#ended)
    return verdict
  }
}

test.each(subjects)('every mutant of the $name has its place in the code', (subject) => {
  const changes = [...mutantsOf(subject).map(({ mutant }) => mutant.change), subject.always ?? {}]
  for (const [file, change] of changes.flatMap((one) => Object.entries(one))) {
    const full = path.join(root, subject.source, file)
    expect(() => changed(full, readFileSync(full, 'utf8'), change)).not.toThrow()
  }
})

for (const subject of subjects.filter(({ slow }) => !slow || process.env['LANE'] === 'slow')) {
  describe(`mutants of the ${subject.name}`, () => {
    let verdicts: Verdicts
    beforeAll(() => {
      verdicts = new Verdicts(subject.name)
    })
    afterAll(() => verdicts.end())

    for (const title of namedCases(subject)) {
      test(`sound code passes '${title}'`, { timeout }, async () => {
        expect(await verdicts.of(`sound: ${title}`)).toEqual({ kind: 'passed' })
      })
    }
    for (const { title, mutant } of mutantsOf(subject)) {
      test(`${title}; found by '${mutant.caughtBy}'`, { timeout }, async () => {
        expect(await verdicts.of(title)).toMatchObject({ kind: 'caught' })
      })
    }
  })
}
