import { engine } from './engine/subject.ts'
import { memoryQueue } from './memory-queue/subject.ts'
import { memoryStore } from './memory-store/subject.ts'
import type { Subject } from './mutant.ts'
import { pgBoss } from './pg-boss/subject.ts'
import { pgStore } from './pg-store/subject.ts'

export const subjects: readonly Subject[] = [memoryStore, pgStore, memoryQueue, pgBoss, engine]

export function subjectNamed(name: string): Subject {
  const subject = subjects.find((one) => one.name === name)
  if (!subject) throw new Error(`no subject '${name}'; there are: ${subjects.map((one) => one.name).join(', ')}`)
  return subject
}
