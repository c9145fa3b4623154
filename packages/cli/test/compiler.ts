import { execFile } from 'node:child_process'
import { realpathSync } from 'node:fs'
import path from 'node:path'
import { packageRoot } from './fixtures.ts'

/**
 * What the TypeScript of this workspace says about a project's own files; '' when it is content with them. The packages
 * of this workspace are seen in their source; what is wrong there is for their own checks to say.
 */
export function compile(project: string): Promise<string> {
  const tsc = path.join(packageRoot, 'node_modules/typescript/bin/tsc')
  const source = ['--customConditions', 'pikku-source', '--allowImportingTsExtensions', '--lib', 'es2024']
  const args = [tsc, '-p', '.', '--pretty', 'false', '--skipLibCheck', ...source]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: realpathSync(project) }, (error, stdout, stderr) => {
      if (error && stdout === '') reject(new Error(stderr, { cause: error }))
      else resolve(ownFindings(stdout))
    })
  })
}

/** A finding is a line and the indented ones after it. */
function ownFindings(said: string): string {
  const findings = said.split(/\n(?! )/)
  return findings.filter((finding) => !finding.startsWith('../') && !path.isAbsolute(finding)).join('\n')
}
