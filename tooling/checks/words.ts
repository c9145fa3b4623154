import { type Finding, lineAt, type SourceFile } from './source-files.ts'

interface Ban {
  readonly word: RegExp
  readonly instead: string
}

/** Words that the glossary (docs/glossary.md) has another word for, with their plurals. */
const bannedWords: readonly Ban[] = [
  // Not "instance", which is also what a class has, and not what is a word of JavaScript ("event", "resolve").
  { word: /^(execution|saga|pipeline)s?$/, instead: 'run (of a workflow)' },
  { word: /^jobs?$/, instead: 'run or work item; a job is what a queue carries' },
  { word: /^(tasks?|activity|activities|checkpoints?)$/, instead: 'step' },
  { word: /^journals?$/, instead: 'history' },
  { word: /^activations?$/, instead: 'turn' },
]

/** Names that say nothing about the thing named. */
const emptyNames = /^[A-Za-z]*(Impl|Manager|Utils?)$/

/** What no committed line contains, in whatever place. */
const bannedText: readonly { readonly text: RegExp; readonly message: string }[] = [
  { text: /\b(TODO|FIXME|XXX)\b/, message: 'unfinished work belongs into an issue' },
  { text: /@ts-(ignore|nocheck)|(eslint|oxlint)-disable/, message: 'checks are not switched off in the source' },
  { text: /["'`\s(]\/(work|home|Users)\//, message: 'a path of one machine' },
]

/** Where a banned word is the right one, and why. */
const allowed: readonly { readonly word: RegExp; readonly path: RegExp; readonly reason: string }[] = [
  { word: /^jobs?$/, path: /^packages\/queue-/, reason: 'what the queue itself calls the thing it carries' },
  {
    word: /^jobs?$/,
    path: /^packages\/core\/src\/(contract\/(queue-service|errors)|queue\/|memory\/memory-(queue|consumer))/,
    reason: "the users' API of queues",
  },
  {
    word: /^jobs?$/,
    path: /^packages\/core\/(src\/testing|test)\//,
    reason: 'queues that tests put in place of real ones',
  },
  { word: /^jobs?$/, path: /^packages\/core\/src\/(define|service)\//, reason: "users' queue workers handle jobs" },
  { word: /^activity$/, path: /^packages\/(pg|queue-pg-boss)\//, reason: 'pg_stat_activity' },
  { word: /^jobs?$/, path: /^(packages\/cli|templates)\//, reason: "users' queue workers handle jobs" },
]

/** Finds words that the glossary replaces, empty names and leftovers, in code, comments and strings. */
export function checkWords(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => [...wordFindings(file), ...textFindings(file)])
}

function wordFindings({ path, text }: SourceFile): Finding[] {
  const found: Finding[] = []
  if (/(^|\/)(utils?|helpers?|misc|common)\.ts$/.test(path)) {
    found.push({ path, line: 1, message: 'a file is named after what it is about' })
  }
  for (const { 0: name, index } of text.matchAll(/[A-Za-z]+/g)) {
    const line = () => lineAt(text, index)
    if (emptyNames.test(name)) found.push({ path, line: line(), message: `${name}: an empty name` })
    for (const word of wordsOf(name)) {
      const ban = bannedWords.find((each) => each.word.test(word))
      if (ban && !isAllowed(word, path)) found.push({ path, line: line(), message: `${name}: say ${ban.instead}` })
    }
  }
  return found
}

function textFindings({ path, text }: SourceFile): Finding[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      bannedText
        .filter((each) => each.text.test(line))
        .map(({ message }) => ({ path, line: index + 1, message: `${message}: ${line.trim().slice(0, 80)}` })),
    )
}

/** `claimJobNow` → claim, job, now */
function wordsOf(name: string): string[] {
  return name.split(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).map((word) => word.toLowerCase())
}

function isAllowed(word: string, path: string): boolean {
  return allowed.some((each) => each.word.test(word) && each.path.test(path))
}
