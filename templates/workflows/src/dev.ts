// For development: the API and a worker in one process.
import './server.js'
import './worker.js'
