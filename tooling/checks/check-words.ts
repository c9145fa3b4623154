// Words of the glossary and leftovers. Findings go to stdout, one per line.
import { checkWords } from './words.ts'
import { report, sourceFiles } from './source-files.ts'

process.exit(report(checkWords(sourceFiles())))
