import path from 'node:path'
import { watch as watchFiles, type FSWatcher } from 'chokidar'
import { readConfig, type Config } from './config/config.ts'
import { Diagnostics } from './diagnostics.ts'
import { generate, type Generated } from './generate.ts'

/** Changes this close together are one pass. */
const quietMs = 50

/** Regenerates when the app's files change. */
export interface Watching {
  /** Stop; resolves when nothing is open any more. */
  close(): Promise<void>
}

/**
 * Generate now, and after every change of the configuration, of the app's sources, or of tsconfig.json.
 * Passes never overlap: a change during one brings another after it.
 */
export function watch(configFile: string, onPass: (pass: Generated) => void): Watching {
  return new Watch(path.resolve(configFile), onPass)
}

class Watch implements Watching {
  readonly #configFile: string
  readonly #onPass: (pass: Generated) => void
  readonly #watcher: FSWatcher
  #watched: readonly string[] = []
  #ignored: readonly string[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(configFile: string, onPass: (pass: Generated) => void) {
    this.#configFile = configFile
    this.#onPass = onPass
    this.#watcher = watchFiles([configFile], {
      // What a folder added later holds already is told, too: it may have come after the pass that added the folder.
      ignoreInitial: false,
      ignored: (file) => this.#isIgnored(file),
    })
    const config = readConfig(configFile, new Diagnostics())
    if (config) this.#follow(config)
    // Not before everything is watched: a change during the first pass would be missed.
    this.#watcher.once('ready', () => {
      this.#pass()
      this.#watcher.on('all', () => this.#soon())
    })
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#watcher.close()
  }

  #soon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#pass(), quietMs)
  }

  /** Runs from begin to end without a pause, so two can never overlap. */
  #pass(): void {
    const pass = generate(this.#configFile)
    if (pass.config) this.#follow(pass.config)
    this.#onPass(pass)
  }

  #follow({ srcDirectories, services, tsconfig, output, outDir }: Config): void {
    this.#ignored = [output, outDir]
    const wanted = [...srcDirectories, services, tsconfig]
    this.#watcher.unwatch(this.#watched.filter((file) => !wanted.includes(file)))
    this.#watcher.add(wanted.filter((file) => !this.#watched.includes(file)))
    this.#watched = wanted
  }

  #isIgnored(file: string): boolean {
    const name = path.basename(file)
    return name === 'node_modules' || name.endsWith('.tmp') || this.#ignored.includes(path.resolve(file))
  }
}
