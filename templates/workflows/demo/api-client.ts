import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

/** One entry of `GET /runs/:id/history`. */
export interface Attempt {
  readonly stepName: string
  readonly status: 'succeeded' | 'failed'
  readonly attemptCount: number
  readonly error?: { readonly message: string; readonly code?: string }
  readonly worker?: string
  readonly startedAt: string
  readonly endedAt: string
}

/** One entry of `GET /runs/:id/steps`. */
export interface Step {
  readonly stepName: string
  readonly kind: string
  readonly status: 'scheduled' | 'running' | 'succeeded' | 'failed'
  readonly worker?: string
  readonly createdAt: string
  readonly dueAt?: string
  readonly endedAt?: string
}

export interface Run {
  readonly id: string
  readonly status: string
  readonly output?: unknown
  readonly error?: { readonly message: string }
}

/** The API of src/api.ts, as the demo uses it. */
export class ApiClient {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async start(workflow: string, input: unknown): Promise<string> {
    const body = JSON.stringify(input)
    const { runId } = await this.#json<{ runId: string }>(`/workflows/${workflow}/runs`, { method: 'POST', body })
    return runId
  }

  run(runId: string): Promise<Run> {
    return this.#json(`/runs/${runId}`)
  }

  /** The history, and the steps as they were with it: asked one after the other, a step may be younger than it. */
  async whatHappened(runId: string): Promise<readonly [Attempt[], Step[]]> {
    for (;;) {
      const before = await this.#history(runId)
      const steps = await this.steps(runId)
      const history = await this.#history(runId)
      if (history.length === before.length) return [history, steps]
    }
  }

  #history(runId: string): Promise<Attempt[]> {
    return this.#json(`/runs/${runId}/history`)
  }

  steps(runId: string): Promise<Step[]> {
    return this.#json(`/runs/${runId}/steps`)
  }

  /** The run after each change, until it has ended. */
  async *changes(runId: string): AsyncGenerator<Run> {
    const { body } = await this.#fetch(`/runs/${runId}/events`)
    if (!body) return
    for await (const line of createInterface(Readable.fromWeb(body))) {
      if (line.startsWith('data: ')) yield JSON.parse(line.slice('data: '.length)) as Run
    }
  }

  async #json<T>(path: string, init?: RequestInit): Promise<T> {
    return (await this.#fetch(path, init)).json() as Promise<T>
  }

  async #fetch(path: string, init?: RequestInit): Promise<Response> {
    const response = await fetch(`${this.#url}${path}`, init)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response
  }
}
