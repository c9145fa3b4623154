// Loaded before everything else: this process claims to be the Node.js that PRETEND_NODE says.
const version = process.env.PRETEND_NODE
Object.defineProperty(process, 'version', { value: `v${version}` })
Object.defineProperty(process, 'versions', { value: { ...process.versions, node: version } })
