import path from 'node:path'
import type { TsConfigJsonResolved } from 'get-tsconfig'

/** How import specifiers are written: with the extension of the output, without one, or with that of the source. */
export type SpecifierStyle = 'js' | 'none' | 'ts'

/** The style that the compiler accepts under this configuration. */
export function specifierStyle({ compilerOptions = {} }: TsConfigJsonResolved): SpecifierStyle {
  const { allowImportingTsExtensions, rewriteRelativeImportExtensions } = compilerOptions
  if (allowImportingTsExtensions || rewriteRelativeImportExtensions) return 'ts'
  const resolution = (compilerOptions.moduleResolution ?? compilerOptions.module ?? 'esnext').toLowerCase()
  return resolution.startsWith('node') && resolution !== 'node' && resolution !== 'node10' ? 'js' : 'none'
}

/** Writes how one source file imports another. */
export class Specifiers {
  readonly #from: string
  readonly #style: SpecifierStyle

  /** `from`: the file the specifiers stand in. */
  constructor(from: string, style: SpecifierStyle) {
    this.#from = path.dirname(from)
    this.#style = style
  }

  to(file: string): string {
    const relative = this.relative(file)
    if (this.#style === 'ts') return relative
    const [, stem = relative, kind = ''] = /^(.*)\.([cm]?)tsx?$/.exec(relative) ?? []
    // .mts and .cts are found by their own extension alone, whatever the style.
    return this.#style === 'js' || kind !== '' ? `${stem}.${kind}js` : stem
  }

  /** A path as an import writes it: with the extension it has. */
  relative(file: string): string {
    const relative = path.relative(this.#from, file).split(path.sep).join('/')
    return relative.startsWith('../') || relative === '..' ? relative : `./${relative}`
  }
}
