// Bakes lua/*.lua, with what they include, into src/scripts.gen.ts, so that nothing reads files at run time.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

const folder = new URL('../lua/', import.meta.url)
const header = ['KEYS', 'ARGV', 'returns', 'called']

/** Lua allows so many locals in one function, and a script is one. */
const maxLocals = 200

/** Every script: its name, and its text in the pieces that its includes cut it into. */
export function readScripts() {
  const files = readdirSync(folder).filter((file) => file.endsWith('.lua'))
  return files.sort().map((file) => {
    const pieces = piecesOf(readScript(file), new Set())
    checkLocals(pieces.join(''), file)
    return { name: file.slice(0, -4), pieces, takesCalls: /^-- include: calls$/m.test(readScript(file)) }
  })
}

export function renderScripts() {
  const scripts = readScripts()
  // What several scripts include is written down once.
  const names = new Map()
  const shared = []
  for (const piece of sharedPieces(scripts)) {
    names.set(piece, `part${names.size + 1}`)
    shared.push(`const ${names.get(piece)} = ${quoted(piece)}`)
  }
  const entries = scripts.map(({ name, pieces, takesCalls }) => {
    const sha = createHash('sha1').update(pieces.join('')).digest('hex')
    const text = pieces.map((piece) => names.get(piece) ?? quoted(piece)).join(' +\n      ')
    return `  '${name}': {\n    sha: '${sha}',\n    takesCalls: ${takesCalls},\n    text:\n      ${text},\n  },`
  })
  return `/* Made from lua/*.lua by scripts/build-lua.mjs. Do not edit. */
export interface Script {
  /** SHA-1 of the text, by which the server knows it. */
  readonly sha: string
  /** Whether it takes several calls at once, as lua/include/calls.lua has it. */
  readonly takesCalls: boolean
  readonly text: string
}

export type ScriptName =${scripts.map(({ name }) => `\n  | '${name}'`).join('') || ' never'}

${shared.join('\n\n')}

export const scripts: Readonly<Record<ScriptName, Script>> = {
${entries.join('\n')}
}
`
}

function quoted(text) {
  return `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')}\``
}

function sharedPieces(scripts) {
  const uses = new Map()
  for (const { pieces } of scripts) for (const piece of pieces) uses.set(piece, (uses.get(piece) ?? 0) + 1)
  return [...uses].filter(([, count]) => count > 1).map(([piece]) => piece)
}

function readScript(file) {
  const text = readFileSync(new URL(file, folder), 'utf8')
  const comment = /^(--.*\n)+/.exec(text)?.[0] ?? ''
  const missing = header.filter((word) => !new RegExp(`^-- ${word}\\b`, 'im').test(comment))
  if (missing.length > 0) throw new Error(`lua/${file}: its header does not say ${missing.join(', ')}`)
  return text
}

/** Each include once, where it is first asked for. */
function piecesOf(text, included) {
  return text.split(/^(-- include: .*\n)/m).flatMap((piece) => {
    const name = /^-- include: (.*)\n$/.exec(piece)?.[1]
    if (name === undefined) return piece === '' ? [] : [piece]
    if (included.has(name)) return []
    included.add(name)
    return piecesOf(readFileSync(new URL(`include/${name}.lua`, folder), 'utf8'), included)
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
