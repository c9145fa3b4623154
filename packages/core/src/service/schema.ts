import type { StandardSchemaV1 } from '@standard-schema/spec'
import { WorkflowError } from '../contract/index.ts'

/**
 * What the schema makes of an input, or the input itself where there is no schema. `what` names it in the error.
 *
 * @throws WorkflowError `INVALID_INPUT` naming every issue
 */
export async function validInput(schema: StandardSchemaV1 | undefined, value: unknown, what: string): Promise<unknown> {
  const { valid, issues } = await validate(schema, value)
  if (issues === null) return valid
  throw new WorkflowError('INVALID_INPUT', `${what} does not fit its schema: ${issues}`)
}

/** As `validInput`, for what a function gave. @throws WorkflowError `INVALID_OUTPUT` naming every issue */
export async function validOutput(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
  what: string,
): Promise<unknown> {
  const { valid, issues } = await validate(schema, value)
  if (issues === null) return valid
  throw new WorkflowError('INVALID_OUTPUT', `${what} does not fit its schema: ${issues}`)
}

async function validate(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
): Promise<{ valid: unknown; issues: string | null }> {
  if (!schema) return { valid: value, issues: null }
  const result = await schema['~standard'].validate(value)
  if (!result.issues) return { valid: result.value, issues: null }
  const issues = result.issues.map((issue) => {
    const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return path ? `${path}: ${issue.message}` : issue.message
  })
  return { valid: undefined, issues: issues.join('; ') }
}
