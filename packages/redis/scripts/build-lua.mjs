// Bakes lua/*.lua, with what they include, into src/scripts.gen.ts, so that nothing reads files at run time.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

const folder = new URL('../lua/', import.meta.url)
const header = ['KEYS', 'ARGV', 'returns', 'called']

/** Lua allows so many locals in one function, and a script is one. */
const maxLocals = 200

export function renderScripts() {
  const files = readdirSync(folder).filter((file) => file.endsWith('.lua'))
  const entries = files.sort().map((file) => {
    const text = withIncludes(readScript(file), file, new Set())
    checkLocals(text, file)
    const sha = createHash('sha1').update(text).digest('hex')
    const body = text.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')
    return `  '${file.slice(0, -4)}': {\n    sha: '${sha}',\n    text: \`${body}\`,\n  },`
  })
  return `/* Made from lua/*.lua by scripts/build-lua.mjs. Do not edit. */
export interface Script {
  /** SHA-1 of the text, by which the server knows it. */
  readonly sha: string
  readonly text: string
}

export type ScriptName =${files.map((file) => `\n  | '${file.slice(0, -4)}'`).join('') || ' never'}

export const scripts: Readonly<Record<ScriptName, Script>> = {
${entries.join('\n')}
}
`
}

function readScript(file) {
  const text = readFileSync(new URL(file, folder), 'utf8')
  const comment = /^(--.*\n)+/.exec(text)?.[0] ?? ''
  const missing = header.filter((word) => !new RegExp(`^-- ${word}\\b`, 'im').test(comment))
  if (missing.length > 0) throw new Error(`lua/${file}: its header does not say ${missing.join(', ')}`)
  return text
}

/** Each include once, where it is first asked for. */
function withIncludes(text, file, included) {
  return text.replaceAll(/^-- include: (.*)\n/gm, (_line, name) => {
    if (included.has(name)) return ''
    included.add(name)
    return withIncludes(readFileSync(new URL(`include/${name}.lua`, folder), 'utf8'), `include/${name}`, included)
  })
}

function checkLocals(text, file) {
  let locals = 0
  for (const [, names] of text.matchAll(/^local (?:function )?([\w, ]+)/gm)) locals += names.split(',').length
  if (locals > maxLocals) throw new Error(`lua/${file}: ${locals} locals at its top level, Lua allows ${maxLocals}`)
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(new URL('../src/scripts.gen.ts', import.meta.url), renderScripts())
}
