import { WorkflowError } from '../contract/index.ts'

const oldest = '22.12.0'

/**
 * What an old Node.js says about the first thing that it lacks helps nobody: asked where a service is constructed, before
 * `init()` and `registerQueues()` can be called.
 *
 * @throws WorkflowError `CONFIGURATION`
 */
export function assertNodeVersion(node: string = process.versions.node): void {
  const [major = 0, minor = 0] = node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 12)) return
  throw new WorkflowError(
    'CONFIGURATION',
    `@pikku/core needs Node.js ${oldest} or newer; this process runs ${node} (${process.execPath})`,
  )
}
