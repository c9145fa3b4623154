import { isStoreName, storeNames, stores, type StoreName } from './stores.ts'

/** What the command line said. */
export interface Given {
  readonly folder?: string | undefined
  readonly store?: StoreName | undefined
}

export interface Wanted {
  readonly folder: string
  readonly store: StoreName
}

const suggestedFolder = 'my-app'
const storeByDefault: StoreName = 'pg'

/**
 * Adds what the command line did not say: asked for where somebody sits at a terminal, else by default.
 *
 * @returns undefined when whoever was asked did not want to go on
 * @throws Error when there is no folder and nobody to ask
 */
export async function complete(given: Given, interactive: boolean): Promise<Wanted | undefined> {
  if (given.folder !== undefined && given.store !== undefined) return { folder: given.folder, store: given.store }
  if (interactive) return ask(given)
  if (given.folder === undefined) {
    throw new Error(`which folder? npx @pikku/cli create <dir> [--store ${storeNames.join('|')}]`)
  }
  return { folder: given.folder, store: storeByDefault }
}

async function ask(given: Given): Promise<Wanted | undefined> {
  const { isCancel, select, text } = await import('@clack/prompts')
  const folder =
    given.folder ??
    (await text({ message: 'Which folder?', placeholder: suggestedFolder, defaultValue: suggestedFolder }))
  if (isCancel(folder)) return undefined
  const options = storeNames.map((value) => ({ value, label: stores[value].title }))
  const store = given.store ?? (await select({ message: 'Where are runs kept?', options }))
  return isCancel(store) ? undefined : { folder, store }
}

/** @throws Error for a store that there is not */
export function readStore(name: string): StoreName {
  if (isStoreName(name)) return name
  throw new Error(`there is no store '${name}'; there are ${storeNames.join(' and ')}`)
}
