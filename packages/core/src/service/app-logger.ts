import type { Logger } from '../contract/index.ts'
import { oneLine } from '../domain/describe.ts'

/** A store is made before the app's services are known: until they are, its warnings go to the console. Messages are one line each. */
export class AppLogger implements Logger {
  #app: Logger | null = null

  /** From now on messages go to the app's logger, where it has one. */
  use(services: { logger?: Logger }): void {
    this.#app = services.logger ?? null
  }

  debug(message: string, details?: unknown): void {
    this.#app?.debug(oneLine(message), details)
  }
  info(message: string, details?: unknown): void {
    this.#app?.info(oneLine(message), details)
  }
  warn(message: string, details?: unknown): void {
    if (this.#app) this.#app.warn(oneLine(message), details)
    else console.warn(oneLine(message))
  }
  error(message: string, details?: unknown): void {
    if (this.#app) this.#app.error(oneLine(message), details)
    else console.error(oneLine(message))
  }
}
