import { execFile } from 'node:child_process'
import path from 'node:path'
import { packageRoot } from './fixtures.ts'

/** What the TypeScript of this workspace says about a project; '' when it is content. */
export function compile(project: string, flags: readonly string[] = []): Promise<string> {
  const tsc = path.join(packageRoot, 'node_modules/typescript/bin/tsc')
  // The packages of this workspace are seen in their source, which needs these three.
  const source = ['--customConditions', 'pikku-source', '--allowImportingTsExtensions', '--lib', 'es2024']
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [tsc, '-p', project, '--pretty', 'false', ...source, ...flags],
      (error, stdout, stderr) => {
        if (error && stdout === '') reject(new Error(stderr, { cause: error }))
        else resolve(stdout)
      },
    )
  })
}
