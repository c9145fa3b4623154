// Who may import whom. Findings go to stdout, one per line.
import { checkImports } from './imports.ts'
import { report, sourceFiles } from './source-files.ts'

process.exit(report(checkImports(sourceFiles())))
