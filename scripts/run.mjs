#!/usr/bin/env node
// The one door to everything in this repository, for any machine with Node >= 20 and npm:
//   node scripts/run.mjs start | test | check | simulate | chaos | bench | verify-slow | rehearse | release | site | <any pnpm command>
// Nothing here may import a package: this runs before anything is installed.
import path from 'node:path'
import { Children } from './children.mjs'
import { buildPackages, installPackages } from './prepare.mjs'
import { bringTools, root } from './tools.mjs'

const oldestNode = 20
const ownCommands = [
  'start',
  'test',
  'check',
  'simulate',
  'chaos',
  'bench',
  'verify-slow',
  'rehearse',
  'release',
  'site',
]
/** Commands of pnpm that change what is installed: before them there is nothing to install. */
const installing = ['install', 'i', 'add', 'remove', 'rm', 'update', 'up', 'dedupe', 'import']

async function main(children) {
  const [command, ...args] = process.argv.slice(2)
  if (!command || command === '--help' || command === '-h') {
    say(`usage: node scripts/run.mjs ${ownCommands.join(' | ')} | <any pnpm command>`)
    return command ? 0 : 1
  }
  const tools = await bringTools(children, say)
  if (!installing.includes(command)) await installPackages(children, tools, say)
  if (!ownCommands.includes(command))
    return children.run('pnpm', [command, ...args], { env: tools.env, terminal: true })
  await buildPackages(children, tools, say)
  const program = path.join(root, 'tooling', 'commands', `${command}.ts`)
  return children.run(tools.node, [program, ...args], { env: tools.env, channel: true })
}

function say(line) {
  process.stdout.write(`» ${line}\n`)
}

if (Number(process.versions.node.split('.')[0]) < oldestNode) {
  process.stderr.write(
    `Node ${oldestNode} or newer is needed to begin with; this is ${process.version} (${process.execPath}).\n` +
      'Install one from https://nodejs.org and try again.\n',
  )
  process.exit(1)
}

const children = new Children()
main(children).then(
  (code) => process.exit(children.interruptedCode() ?? code),
  (error) => {
    // What an interrupted child left unfinished is no news to the person who interrupted it.
    if (children.interruptedCode() === undefined) process.stderr.write(`\n${error.message}\n`)
    process.exit(children.interruptedCode() ?? 1)
  },
)
