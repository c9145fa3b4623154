import fs from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../..')
const examples = path.join(root, 'docs/examples')

export interface OnboardingApp {
  readonly folder: string
  readonly store: 'pg' | 'redis'
  /** Of the server, in place of the one that the guide names. */
  readonly url: string
  /** Options of the compiler. Default: what the guide's own examples have. */
  readonly compilerOptions?: Readonly<Record<string, unknown>>
}

/** Writes what "Getting started" says, file by file, into a folder that has the packages. */
export function writeOnboardingApp({ folder, store, url, compilerOptions = {} }: OnboardingApp): void {
  const read = (file: string) => fs.readFileSync(path.join(examples, file), 'utf8')
  const services = read(store === 'pg' ? 'src/services.ts' : 'src/redis/services.ts')
  const worker = read('src/worker.ts')
  const files: Readonly<Record<string, string>> = {
    'pikku.config.json': read('pikku.config.json'),
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        target: 'es2023',
        module: 'nodenext',
        strict: true,
        skipLibCheck: true,
        noEmit: true,
        types: ['node'],
        ...compilerOptions,
      },
      include: ['src'],
    }),
    'src/services.ts': services.replaceAll(/'(postgresql|redis):\/\/localhost[^']*'/g, `'${url}'`),
    'src/functions/users.ts': read('src/functions/users.ts'),
    'src/workflows/onboarding.ts': read('src/workflows/onboarding.ts'),
    // "With option 2 the import is BullQueueWorkers from @pikku/queue-bullmq."
    'src/worker.ts':
      store === 'pg'
        ? worker
        : worker.replaceAll('PgBossQueueWorkers', 'BullQueueWorkers').replace('queue-pg-boss', 'queue-bullmq'),
    'src/server.ts': read('src/server.ts'),
  }
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.join(folder, path.dirname(name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), text)
  }
}
