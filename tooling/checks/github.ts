import { type Finding, lineAt, type SourceFile } from './source-files.ts'

/** What a command of a workflow may lead to in this repository. */
export interface Repository {
  exists(path: string): boolean
  /** Scripts of the root's package.json. */
  readonly scripts: ReadonlySet<string>
  /** The commands of scripts/run.mjs. */
  readonly commands: ReadonlySet<string>
  /** What `check` can be asked for by name. */
  readonly checks: ReadonlySet<string>
  /** By the name of a package of the repository, the programs it has installed. */
  programs(name: string): ReadonlySet<string> | null
}

interface Command {
  readonly line: number
  readonly words: readonly string[]
}

/** Programs of the machine that workflows prepare it with. */
const ofTheMachine = new Set(['sudo', 'docker'])

/** Every command that a workflow of GitHub runs: one line each, of steps and of the changesets action. */
export function commandsOf({ text }: SourceFile): readonly Command[] {
  return [...text.matchAll(/^\s*(?:- )?(?:run|version|publish): (.+)$/gm)].map((match) => ({
    line: lineAt(text, match.index + match[0].search(/\S/)),
    words: (match[1] ?? '').trim().split(/\s+/),
  }))
}

/** Workflows call only what is there: scripts, commands, files and programs of this repository. */
export function checkWorkflows(workflows: readonly SourceFile[], repository: Repository): Finding[] {
  return workflows.flatMap((workflow) =>
    commandsOf(workflow).flatMap(({ line, words }): Finding[] => {
      const message = whyNot(words, repository)
      return message === undefined ? [] : [{ path: workflow.path, line, message }]
    }),
  )
}

function whyNot(words: readonly string[], repository: Repository): string | undefined {
  const [program = '', first = '', ...rest] = words
  if (ofTheMachine.has(program)) return undefined
  if (/^[|>]/.test(program)) return 'a step is one command; what is longer is a script of the repository'
  if (program === 'npm') return whyNotNpm(first === 'run' ? rest : [first, ...rest], repository)
  if (program !== 'node') return `'${program}' is neither a script of this repository nor known here`
  if (!repository.exists(first)) return `there is no ${first}`
  return first === 'scripts/run.mjs' ? whyNotCommand(rest, repository) : undefined
}

function whyNotNpm([script = '', ...args]: readonly string[], { scripts, exists }: Repository): string | undefined {
  if (!scripts.has(script)) return `package.json has no script '${script}'`
  const missing = args.find((arg) => !arg.startsWith('-') && !exists(arg))
  return missing === undefined ? undefined : `there is no ${missing}`
}

function whyNotCommand(words: readonly string[], { commands, checks, programs }: Repository): string | undefined {
  const [command = '', ...args] = words
  if (command === '--filter') {
    const [name = '', exec, program = ''] = args
    const known = programs(name)
    if (known === null) return `there is no package ${name}`
    return exec === 'exec' && known.has(program) ? undefined : `${name} has no program '${program}'`
  }
  if (!commands.has(command)) return `scripts/run.mjs has no command '${command}'`
  const unknown = command === 'check' ? args.find((arg) => !checks.has(arg)) : undefined
  return unknown === undefined ? undefined : `there is no check '${unknown}'`
}

/** What .ci/run has to have green: the commands it counts. */
export function requiredCommands(ciRun: string): readonly string[] {
  return [...ciRun.matchAll(/^count \S+ (.+)$/gm)].map(([, command = '']) => command)
}
