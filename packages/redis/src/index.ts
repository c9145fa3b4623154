export { openLink } from './connection.ts'
