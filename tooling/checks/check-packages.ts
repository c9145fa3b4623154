// Packs every package as the registry would get it and looks at what is in the tarball. Findings go to stdout.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { pack, publishedPackages, unpack } from '../packages.ts'
import { checkContents } from './package-contents.ts'
import { type Finding, report } from './source-files.ts'

async function lint(folder: string, name: string): Promise<Finding[]> {
  const { messages, pkg } = await publint({ pkgDir: folder, pack: false, strict: true })
  return messages.map((message) => ({
    path: name,
    line: 1,
    message: formatMessage(message, pkg, { color: false }) ?? message.code,
  }))
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'pikku-packages-'))
try {
  const findings: Finding[] = []
  for (const published of publishedPackages()) {
    const folder = unpack(pack(published, scratch))
    findings.push(...checkContents(folder, published.name), ...(await lint(folder, published.name)))
  }
  process.exitCode = report(findings)
} finally {
  fs.rmSync(scratch, { recursive: true, force: true })
}
