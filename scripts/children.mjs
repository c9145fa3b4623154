import { spawn } from 'node:child_process'
import os from 'node:os'

/** How long an interrupted program has to put its things away. */
const graceMs = 20_000

/**
 * Runs programs one after the other and passes signals on to the current one. Each gets a process group of its own, so
 * that a Ctrl-C reaches it once, through us, and whatever it leaves behind can be ended with it.
 */
export class Children {
  #current
  #interruptedBy

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => this.#interrupt(signal))
  }

  /** The exit code of a program ended by the signal we got; undefined when there was none. */
  interruptedCode() {
    return this.#interruptedBy && 128 + os.constants.signals[this.#interruptedBy]
  }

  /**
   * @param {string} command
   * @param {readonly string[]} args
   * @param {{ env: NodeJS.ProcessEnv, cwd?: string, terminal?: boolean, channel?: boolean }} options
   *   `terminal`: the program talks with a person, so it stays in the terminal's own group.
   *   `channel`: a Node program that ends when its channel to us closes, so that it notices even our SIGKILL.
   * @returns {Promise<number>} its exit code
   */
  async run(command, args, { env, cwd, terminal = false, channel = false }) {
    if (this.#interruptedBy) throw new Error(`interrupted by ${this.#interruptedBy}`)
    const output = ['inherit', 'inherit', 'inherit']
    const stdio = terminal ? output : ['ignore', 'inherit', 'inherit', ...(channel ? ['ipc'] : [])]
    const child = spawn(command, args, { env, cwd, stdio, detached: !terminal })
    this.#current = { child, terminal }
    try {
      return await new Promise((resolve, reject) => {
        child.once('error', (error) => reject(new Error(`cannot run ${command}: ${error.message}`)))
        child.once('exit', (code, signal) => resolve(code ?? 128 + os.constants.signals[signal]))
      })
    } finally {
      this.#current = undefined
      if (!terminal) endGroup(child)
    }
  }

  #interrupt(signal) {
    const again = this.#interruptedBy !== undefined
    if (!again) this.#interruptedBy = signal
    const current = this.#current
    if (!current) process.exit(this.interruptedCode())
    if (current.terminal) {
      // The terminal itself has sent it its SIGINT.
      if (signal !== 'SIGINT') current.child.kill(signal)
      return
    }
    if (again) return endGroup(current.child)
    current.child.kill(signal)
    setTimeout(() => endGroup(current.child), graceMs).unref()
  }
}

function endGroup({ pid }) {
  try {
    if (pid) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error // Nobody is left, or only zombies (macOS).
  }
}
