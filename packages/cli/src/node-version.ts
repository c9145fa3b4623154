/** The oldest Node.js this works on. */
const oldestNode = '22.12.0'

/** What to say when this version of Node.js is too old; undefined when it will do. */
export function refuseNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  const fine = major > 22 || (major === 22 && minor >= 12)
  return fine ? undefined : `pikku needs Node.js ${oldestNode} or newer; this is ${version} (${process.execPath})`
}
