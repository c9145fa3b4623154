// Draws a picture that Vega-Lite describes, as SVG.
import { parse, View } from 'vega'
import { compile } from 'vega-lite'

export async function draw(chart) {
  const view = new View(parse(compile(chart).spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return `${svg}\n`
}
