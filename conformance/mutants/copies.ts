import { registerHooks } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Change, Copy, Subject } from './mutant.ts'

export const root = path.resolve(import.meta.dirname, '../..')
const parameter = 'mutant'

interface Opened {
  readonly folders: readonly string[]
  /** By URL. */
  readonly files: ReadonlyMap<string, Readonly<Record<string, string>>>
  readonly changed: Set<string>
}

const opened = new Map<string, Opened>()

/**
 * Lets copies of modules live side by side: a module that a copy imports from the copied folders is loaded anew under a
 * URL of that copy, its text changed as the copy wants it. No file is written.
 */
export function installCopies(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context)
      const id = context.parentURL && idOf(context.parentURL)
      const copy = id ? opened.get(id) : undefined
      const isCopied = copy?.folders.some((folder) => found.url.startsWith(folder)) && !found.url.includes('?')
      return isCopied ? { ...found, url: `${found.url}?${parameter}=${id}` } : found
    },
    load: (url, context, next) => {
      const found = next(url, context)
      const copy = opened.get(idOf(url) ?? '')
      const file = url.split('?')[0] ?? ''
      const change = copy?.files.get(file)
      if (!copy || !change) return found
      copy.changed.add(file)
      return { ...found, source: changed(file, textOf(found.source), change) }
    },
  })
}

/** A copy of a subject's modules with these changes; throws where one has no place. */
export function openCopy({ copied, source, always = {} }: Subject, change: Change): Copy & { check(): void } {
  const id = String(opened.size)
  const files = new Map<string, Record<string, string>>()
  for (const [file, texts] of [...Object.entries(always), ...Object.entries(change)]) {
    const url = urlOf(path.join(source, file))
    files.set(url, { ...files.get(url), ...texts })
  }
  const copy = { folders: copied.map((folder) => `${urlOf(folder)}/`), files, changed: new Set<string>() }
  opened.set(id, copy)
  return {
    load: async <Module>(file: string) => (await import(`${urlOf(file)}?${parameter}=${id}`)) as Module,
    check: () => {
      for (const file of files.keys()) if (!copy.changed.has(file)) throw new Error(`${file} was not loaded`)
    },
  }
}

/** The text with this change in it; throws where it has no place. */
export function changed(file: string, text: string, change: Readonly<Record<string, string>>): string {
  let now = text
  for (const [found, instead] of Object.entries(change)) {
    const places = text.split(found).length - 1
    if (places !== 1) throw new Error(`${file}: stands there ${places} times and not once: ${found}`)
    now = now.replace(found, () => instead)
  }
  return now
}

function textOf(source: unknown): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array)
}

function idOf(url: string): string | null {
  return new URL(url).searchParams.get(parameter)
}

function urlOf(file: string): string {
  return pathToFileURL(path.join(root, file)).href
}
