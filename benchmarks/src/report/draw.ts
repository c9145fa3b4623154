import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { peersFolder } from '../peers.ts'
import type { Chart } from './chart.ts'

/** As SVG. Takes what `installPeers` installs. */
export async function draw(chart: Chart): Promise<string> {
  const file = pathToFileURL(path.join(peersFolder, 'draw.mjs'))
  const program = (await import(file.href)) as { draw(chart: Chart): Promise<string> }
  return program.draw(chart)
}
