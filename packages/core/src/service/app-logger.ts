import type { Logger } from '../contract/index.ts'

/** A store is made before the app's services are known: until they are, its warnings go to the console. */
export class AppLogger implements Logger {
  #app: Logger | null = null

  use(services: { logger?: Logger }): void {
    this.#app = services.logger ?? null
  }

  debug(message: string, details?: unknown): void {
    this.#app?.debug(message, details)
  }
  info(message: string, details?: unknown): void {
    this.#app?.info(message, details)
  }
  warn(message: string, details?: unknown): void {
    if (this.#app) this.#app.warn(message, details)
    else console.warn(message)
  }
  error(message: string, details?: unknown): void {
    if (this.#app) this.#app.error(message, details)
    else console.error(message)
  }
}
