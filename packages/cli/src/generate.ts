import path from 'node:path'
import { parseTsconfig, type TsConfigResult } from 'get-tsconfig'
import { readConfig, type Config } from './config/config.ts'
import { Diagnostics, type Diagnostic } from './diagnostics.ts'
import { generatedFile, generatedHeader } from './emit/generated-file.ts'
import { Specifiers, specifierStyle } from './emit/specifier.ts'
import { workflowsJson } from './emit/workflows-json.ts'
import { inspectApp } from './inspect/inspect-app.ts'
import type { AppModel } from './model/workflow-model.ts'
import { readIfThere, writeIfChanged } from './write.ts'

/** What one pass did. */
export interface Generated {
  /** Errors and warnings, in the order of the files. With an error nothing was written. */
  readonly diagnostics: readonly Diagnostic[]
  /** Undefined when the configuration could not be read. */
  readonly config: Config | undefined
  /** Undefined when there are errors. */
  readonly result: { readonly model: AppModel; readonly written: readonly string[] } | undefined
}

/**
 * Read the app of this configuration file and write what is generated from it.
 *
 * @example
 * const { diagnostics, result } = generate('pikku.config.json')
 */
export function generate(configFile: string): Generated {
  const diagnostics = new Diagnostics()
  const config = readConfig(path.resolve(configFile), diagnostics)
  const tsconfig = config && readTsconfig(config, diagnostics)
  if (config === undefined || tsconfig === undefined)
    return { diagnostics: diagnostics.list(), config, result: undefined }
  const model = inspectApp(config, tsconfig, diagnostics)
  refuseForeignFile(config, diagnostics)
  const written = diagnostics.hasErrors ? undefined : write(config, tsconfig, { model, diagnostics })
  return { diagnostics: diagnostics.list(), config, result: written && { model, written } }
}

/** Both texts are made before the first is written. Answers what was written; undefined, and reported, when that failed. */
function write(
  config: Config,
  tsconfig: TsConfigResult,
  { model, diagnostics }: { model: AppModel; diagnostics: Diagnostics },
): string[] | undefined {
  const specifiers = new Specifiers(config.output, specifierStyle(tsconfig.config))
  const texts = [
    [config.output, generatedFile(model, specifiers)],
    [path.join(config.outDir, 'workflows.json'), workflowsJson(model)],
  ] as const
  try {
    return texts.filter(([file, text]) => writeIfChanged(file, text)).map(([file]) => file)
  } catch (error) {
    const file = path.basename(config.file)
    diagnostics.error(
      { file },
      `what it asks for cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    )
    return undefined
  }
}

function readTsconfig(config: Config, diagnostics: Diagnostics): TsConfigResult | undefined {
  try {
    return { path: config.tsconfig, config: parseTsconfig(config.tsconfig) }
  } catch (error) {
    const found = path.relative(config.root, config.tsconfig).split(path.sep).join('/')
    diagnostics.error(
      { file: path.basename(config.file) },
      `tsconfig: found "${found}", which cannot be read (${error instanceof Error ? error.message : String(error)}); accepted: the path of a tsconfig.json`,
    )
    return undefined
  }
}

function refuseForeignFile(config: Config, diagnostics: Diagnostics): void {
  const present = readIfThere(config.output)
  if (present === undefined || present.trim() === '' || present.startsWith(generatedHeader)) return
  diagnostics.error(
    { file: path.relative(config.root, config.output).split(path.sep).join('/') },
    'this file was not made by pikku, so it is not overwritten: remove it, or set `workflows.path` to another one',
  )
}
