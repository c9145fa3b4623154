import { describe, test } from 'vitest'
import { defineEngineTests } from '../src/testing/index.ts'
import { openMemory } from './memory-world.ts'

defineEngineTests({ name: 'memory, remote', runner: { describe, test }, open: () => openMemory('remote') })
defineEngineTests({ name: 'memory, inline', runner: { describe, test }, open: () => openMemory('inline') })
