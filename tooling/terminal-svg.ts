/** A line of a terminal, and when it appeared. */
export interface TerminalLine {
  readonly atMs: number
  readonly text: string
}

const size = { font: 13, line: 19, margin: 16 } as const
/** Of a character of a monospaced font, in parts of its height. */
const widthOfCharacter = 0.602
const styles: readonly (readonly [RegExp, string])[] = [
  [/^\$ /, 'prompt'],
  [/SIGKILL/, 'bad'],
  [/^run \S+ completed$/, 'good'],
]

/**
 * A recorded terminal as a picture: each line appears when it did. Whoever shows no animations, or was asked for none,
 * shows the end.
 */
export function terminalSvg(title: string, lines: readonly TerminalLine[]): string {
  const columns = Math.max(...lines.map(({ text }) => text.length))
  const width = Math.ceil(columns * size.font * widthOfCharacter) + 2 * size.margin
  const height = lines.length * size.line + 2 * size.margin
  const rows = lines.map(({ atMs, text }, index) => {
    const style = styles.find(([pattern]) => pattern.test(text))?.[1]
    const classes = style ? `line ${style}` : 'line'
    const y = size.margin + index * size.line + size.font
    return `<text class="${classes}" x="${size.margin}" y="${y}" style="animation-delay:${atMs}ms">${escaped(text)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    '<style>',
    `text{font:${size.font}px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d6dae0;white-space:pre}`,
    '.prompt{font-weight:bold;fill:#fff}.bad{fill:#ff8a80}.good{fill:#9ccc65}',
    '@media (prefers-reduced-motion:no-preference){.line{animation:appear 1ms both}}',
    '@keyframes appear{from{opacity:0}}',
    '</style>',
    `<rect width="${width}" height="${height}" rx="8" fill="#1b1f27"/>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n')
}

/** The lines of such a picture. */
export function linesOfSvg(svg: string): readonly TerminalLine[] {
  return [...svg.matchAll(/animation-delay:(\d+)ms">(.*)<\/text>/g)].map(([, atMs, text = '']) => ({
    atMs: Number(atMs),
    text: text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&'),
  }))
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
