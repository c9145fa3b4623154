import type { Finding } from './source-files.ts'

/** A file or function that is larger than the rule allows, for now. The list may only shrink. */
export interface SizeExemption {
  readonly file: string
  /** `max-lines`, `max-lines-per-function` or `max-params`. */
  readonly rule: string
  /** The function's name; absent for `max-lines`. */
  readonly function?: string
  /** How large it is now: it may not grow, and what shrinks has to be written down here. */
  readonly size: number
}

/** One finding of oxlint's JSON output. */
export interface Diagnostic {
  readonly message: string
  readonly code: string
  readonly filename: string
  readonly labels: readonly { readonly span: { readonly line: number } }[]
}

const sizeRules = /^eslint\((max-lines|max-lines-per-function|max-params)\)$/

/** The findings that are left when the exemptions are taken out, and one for each exemption that is out of date. */
export function applyExemptions(
  diagnostics: readonly Diagnostic[],
  exemptions: readonly SizeExemption[],
): readonly Finding[] {
  const needed = new Set<SizeExemption>()
  const findings = diagnostics.flatMap((diagnostic): Finding[] => {
    const exemption = exemptions.find((each) => covers(each, diagnostic))
    if (exemption) needed.add(exemption)
    const size = sizeIn(diagnostic)
    if (exemption && size === exemption.size) return []
    const path = diagnostic.filename
    const line = diagnostic.labels[0]?.span.line ?? 1
    if (exemption && size < exemption.size) {
      return [{ path, line, message: `is smaller now: write ${size} into tooling/checks/size-exemptions.json` }]
    }
    return [{ path, line, message: `${diagnostic.message} [${diagnostic.code}]` }]
  })
  const stale = exemptions.filter((each) => !needed.has(each))
  return [
    ...findings,
    ...stale.map(({ file, rule }) => ({
      path: file,
      line: 1,
      message: `no longer exempt from ${rule}: remove it from tooling/checks/size-exemptions.json`,
    })),
  ]
}

function covers(exemption: SizeExemption, { code, filename, message }: Diagnostic): boolean {
  if (exemption.file !== filename || sizeRules.exec(code)?.[1] !== exemption.rule) return false
  return exemption.function === undefined || new RegExp(`['\`]${exemption.function}['\`]`).test(message)
}

/** oxlint writes the actual size in brackets. */
function sizeIn({ message }: Diagnostic): number {
  return Number(/\((\d+)\)/.exec(message)?.[1] ?? Number.POSITIVE_INFINITY)
}
