import fs from 'node:fs'
import path from 'node:path'
import { Extractor, ExtractorConfig, type ExtractorMessage } from '@microsoft/api-extractor'
import { publishedPackages } from '../packages.ts'
import { type Finding, root } from './source-files.ts'

/** One door of a package: an entry of its `exports`. */
export interface Door {
  readonly packageFolder: string
  /** As it is imported. */
  readonly specifier: string
  /** Its declarations, relative to the package. */
  readonly types: string
  /** The file of its report. */
  readonly report: string
}

/** Every way into our packages. They have to be built. */
export function doors(): Door[] {
  return publishedPackages().flatMap(({ name, folder }) => {
    const packageFolder = path.join(root, folder)
    const { exports } = JSON.parse(fs.readFileSync(path.join(packageFolder, 'package.json'), 'utf8')) as {
      exports: Readonly<Record<string, { readonly types: string }>>
    }
    return Object.entries(exports).map(([door, { types }]) => {
      const specifier = path.posix.join(name, door)
      const file = `${specifier.replace('@pikku/', '').replaceAll('/', '-')}.api.md`
      return { packageFolder, specifier, types, report: path.join(packageFolder, 'etc', file) }
    })
  })
}

/** What TypeScript says of other people's declarations is not ours to mend; what is written in comments is for people. */
const ignored = /^(TS\d+|tsdoc-|ae-missing-release-tag$|ae-unresolved-link$|ae-forgotten-export$|console-)/

/**
 * Compares the report of a door with the committed one, or writes it. What has no docstring is found too.
 *
 * `scratch`: a folder for what is compared.
 */
export function checkDoor(door: Door, { update, scratch }: { update: boolean; scratch: string }): Finding[] {
  const findings: Finding[] = []
  const where = path.relative(root, door.report)
  const note = (message: ExtractorMessage): void => {
    message.handled = true
    const { messageId, text } = message
    if (ignored.test(messageId) || messageId === 'ae-undocumented') return
    findings.push({ path: where, line: 1, message: `${messageId}: ${text}` })
  }
  fs.mkdirSync(path.dirname(door.report), { recursive: true })
  const { apiReportChanged } = Extractor.invoke(configOf(door, { scratch }), {
    localBuild: update,
    messageCallback: note,
  })
  if (apiReportChanged && !update) {
    findings.push({
      path: where,
      line: 1,
      message: 'the public types have changed: node scripts/run.mjs exec node tooling/checks/check-api.ts --update',
    })
  }
  return [
    ...findings,
    ...undocumented(fs.existsSync(door.report) ? fs.readFileSync(door.report, 'utf8') : '').map((what) => ({
      path: where,
      line: 1,
      message: `${what} has no docstring: what it means, its unit, its default, what it throws`,
    })),
  ]
}

/** What a report says has no docstring. A member that a class has of an interface is described there. */
export function undocumented(report: string): string[] {
  const found: string[] = []
  let owner = ''
  for (const [index, line] of report.split('\n').entries()) {
    if (line.startsWith('export ')) owner = line
    if (line.trim() !== '// (undocumented)') continue
    const declaration = report.split('\n')[index + 1] ?? ''
    const isMember = declaration.startsWith(' ')
    if (isMember && owner.includes(' implements ')) continue
    found.push(isMember ? `${nameOf(owner)}.${nameOf(declaration)}` : nameOf(declaration))
  }
  return found
}

const nameOf = (declaration: string) =>
  /^\s*(?:export )?(?:readonly |static |abstract |interface |class |type |const |function )*([\w$]+)/.exec(
    declaration,
  )?.[1] ?? declaration

/** What a door has to offer, with its docstrings, as API Extractor describes it: to this file, as JSON. */
export function writeDocModel(door: Door, file: string): void {
  Extractor.invoke(configOf(door, { docModel: file }), {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = true
    },
  })
}

interface Wanted {
  /** A folder for the report that the committed one is compared with. */
  readonly scratch?: string
  readonly docModel?: string
}

function configOf({ packageFolder, types, report }: Door, { scratch, docModel }: Wanted): ExtractorConfig {
  const entry = path.join(packageFolder, types)
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: packageFolder,
      mainEntryPointFilePath: entry,
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2023',
            lib: ['es2023', 'dom', 'dom.iterable'],
            module: 'nodenext',
            skipLibCheck: true,
            types: ['node'],
          },
          files: [entry],
        },
      },
      apiReport:
        scratch === undefined
          ? { enabled: false }
          : {
              enabled: true,
              reportFolder: path.dirname(report),
              reportTempFolder: scratch,
              reportFileName: path.basename(report, '.api.md'),
            },
      newlineKind: 'lf',
      docModel: docModel === undefined ? { enabled: false } : { enabled: true, apiJsonFilePath: docModel },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: path.join(packageFolder, 'package.json'),
  })
}
