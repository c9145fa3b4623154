// Bakes migrations/*.sql into src/migrations.gen.ts, so that nothing reads files at run time.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

const folder = new URL('../migrations/', import.meta.url)

export function renderMigrations() {
  const entries = readdirSync(folder)
    .filter((file) => /^\d{4}_\w+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const text = readFileSync(new URL(file, folder), 'utf8')
      const minClient = /^-- min_client: (\d+)$/m.exec(text)?.[1]
      if (!minClient) throw new Error(`${file} does not say its min_client`)
      const body = text.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')
      return `  {\n    version: ${Number(file.slice(0, 4))},\n    name: '${file.slice(5, -4)}',\n    minClient: ${minClient},\n    text: \`${body}\`,\n  },`
    })
  return `/* Made from migrations/*.sql by scripts/build-migrations.mjs. Do not edit. */
export interface Migration {
  readonly version: number
  readonly name: string
  /** The oldest code that may work on a schema with this migration: the number of the newest migration it knows. */
  readonly minClient: number
  readonly text: string
}

export const migrations: readonly Migration[] = [
${entries.join('\n')}
]
`
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(new URL('../src/migrations.gen.ts', import.meta.url), renderMigrations())
}
