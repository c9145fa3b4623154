import { expect, test } from 'vitest'
import { linesOfSvg, terminalSvg } from './terminal-svg.ts'

test('what is drawn can be read back, with its times', () => {
  const lines = [
    { atMs: 0, text: '$ npm start' },
    { atMs: 1234, text: '   0.22 s  output: {"a":"<b> & &amp;"}' },
  ]
  expect(linesOfSvg(terminalSvg('a demo', lines))).toEqual(lines)
})

test('without animations every line is visible', () => {
  const svg = terminalSvg('a demo', [{ atMs: 0, text: 'one' }])
  const style = /<style>([\s\S]*)<\/style>/.exec(svg)?.[1] ?? ''
  const outsideOfMedia = style.replace(/@media \([^)]*\)\{(?:[^{}]|\{[^{}]*\})*\}/, '').replace(/@keyframes .*/, '')
  expect(outsideOfMedia).not.toMatch(/opacity|animation|visibility/)
})
