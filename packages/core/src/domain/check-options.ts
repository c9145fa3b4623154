import { WorkflowError, type WorkflowErrorCode } from '../contract/errors.ts'
import { describe } from './describe.ts'

/** What one option may be. */
export interface OptionRule {
  accepts(value: unknown): boolean
  /** In words, for the message: `a function`. */
  readonly accepted: string
  /** It may not be left out. */
  readonly required?: boolean
  /** Not told to users. */
  readonly hidden?: boolean
}

/** Whether the value is acceptable is found out elsewhere, by what knows its rules. */
export const checkedElsewhere: OptionRule = { accepts: () => true, accepted: '' }

/**
 * Every key known and of its type; undefined counts as left out. `where` says whose options, for the message; `instead`:
 * what else is accepted in place of the object; `code`: of the error.
 *
 * @throws WorkflowError with `code`, `CONFIGURATION` by default
 */
export function checkOptions(
  where: { readonly name: string; readonly instead?: string; readonly code?: WorkflowErrorCode },
  rules: Readonly<Record<string, OptionRule>>,
  options: unknown,
): void {
  const { name, instead, code = 'CONFIGURATION' } = where
  const refused = (problem: string): WorkflowError => new WorkflowError(code, `${name}: ${problem}`)
  const keys = Object.keys(rules).filter((key) => !rules[key]?.hidden)
  if (typeof options !== 'object' || options === null) {
    const shape = `{ ${keys.map((key) => (rules[key]?.required ? key : `${key}?`)).join(', ')} }`
    throw refused(`found ${describe(options)}; accepted is ${instead ? `${instead} or ` : ''}${shape}`)
  }
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(rules, key)) throw refused(`unknown option '${key}'; accepted are ${keys.join(', ')}`)
  }
  for (const [key, { accepts, accepted, required }] of Object.entries(rules)) {
    const value: unknown = Reflect.get(options, key)
    if (value === undefined ? required : !accepts(value))
      throw refused(`'${key}' must be ${accepted}, found ${describe(value)}`)
  }
}
