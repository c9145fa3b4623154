import type { Position } from '../diagnostics.ts'
import type { AppModel } from '../model/workflow-model.ts'

/** `workflows.json`: what tools want to know about the app. `version` grows when a field changes its meaning. */
export function workflowsJson({ workflows, rpcs, queueWorkers, queues }: AppModel): string {
  const content = {
    version: 1,
    queues,
    workflows: workflows.map(({ name, description, tags, position, steps }) => ({
      name,
      description,
      tags,
      source: place(position),
      steps: steps.map((step) => ({ name: step.name, kind: step.kind, rpc: step.rpc, source: place(step.position) })),
    })),
    functions: rpcs.map(({ name, description, tags, position }) => ({
      name,
      description,
      tags,
      source: place(position),
    })),
    queueWorkers: queueWorkers.map(({ queueName, description, tags, position }) => ({
      queueName,
      description,
      tags,
      source: place(position),
    })),
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

function place({ file, line, column }: Position): Position {
  return { file, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }) }
}
