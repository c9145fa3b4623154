export { MemoryDoorbell } from './memory-doorbell.ts'
export { MemoryNotices } from './memory-notices.ts'
export { MemoryStore, memoryPorts } from './memory-store.ts'
export { MemoryTables } from './memory-tables.ts'
