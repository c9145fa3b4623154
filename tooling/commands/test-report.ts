/** What a run of tests came to. */
export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Failures that are not a failed test, in words: each counts as one in `failed`. */
  readonly problems: readonly string[]
}

interface TestFile {
  readonly name: string
  readonly status: string
  readonly message?: string
  readonly assertionResults: readonly { readonly status: string }[]
}

/**
 * Counts the tests of vitest's JSON report, and as a failure whatever went wrong besides: a file that could not be
 * loaded, an error outside every test, no report, no test at all.
 *
 * @param report the text of the report; undefined if there is none
 * @param exitCode vitest's
 */
export function countTests(report: string | undefined, exitCode: number): TestCounts {
  const files = report === undefined ? [] : (JSON.parse(report) as { testResults: readonly TestFile[] }).testResults
  const statuses = files.flatMap((file) => file.assertionResults.map(({ status }) => status))
  const passed = statuses.filter((status) => status === 'passed').length
  const failed = statuses.filter((status) => status === 'failed').length
  const problems = files
    .filter((file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'))
    .map((file) => `${file.name} failed outside its tests: ${file.message || 'see above'}`)
  if (passed + failed === 0) problems.push('no test ran')
  if (exitCode !== 0 && failed + problems.length === 0) {
    problems.push(`vitest ended with exit code ${exitCode} although no test failed: see above`)
  }
  return { passed, failed: failed + problems.length, skipped: statuses.length - passed - failed, problems }
}

/** The line that a run of tests or checks ends with. */
export function summaryLine({ passed, failed, skipped }: Pick<TestCounts, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
