#!/usr/bin/env node
import { refuseNode } from './node-version.ts'

// Asked before anything else is loaded: what an old Node.js says about our dependencies helps nobody.
const refusal = refuseNode(process.version)
if (refusal === undefined) {
  const { main } = await import('./main.ts')
  await main(process.argv)
} else {
  console.error(refusal)
  process.exitCode = 1
}
