/** What a run of tests came to. */
export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Failures that are not a failed test, in words: each counts as one in `failed`. */
  readonly problems: readonly string[]
  /** What was skipped, one line for each group or test: its name says why. */
  readonly skips: readonly string[]
}

interface TestFile {
  readonly name: string
  readonly status: string
  readonly message?: string
  readonly assertionResults: readonly TestResult[]
}

interface TestResult {
  readonly status: string
  readonly ancestorTitles: readonly string[]
  readonly title: string
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
  const skipped = statuses.length - passed - failed
  return { passed, failed: failed + problems.length, skipped, problems, skips: files.flatMap(skipsIn) }
}

/** The largest groups of a file of which every test was skipped, and how many that are. */
function skipsIn({ name, assertionResults }: TestFile): string[] {
  const sums = new Map<string, number>()
  for (const result of assertionResults.filter(isSkipped)) {
    const names = namesOf(result)
    const depth = names.findIndex((_, at) => assertionResults.filter(isWithin(names.slice(0, at + 1))).every(isSkipped))
    const group = names.slice(0, depth + 1).join(' › ')
    sums.set(group, (sums.get(group) ?? 0) + 1)
  }
  return [...sums].map(([group, count]) => `${name}: ${group}${count > 1 ? `, ${count} tests` : ''}`)
}

function isSkipped({ status }: TestResult): boolean {
  return status !== 'passed' && status !== 'failed'
}

function isWithin(group: readonly string[]): (result: TestResult) => boolean {
  return (result) => group.every((name, at) => namesOf(result)[at] === name)
}

/** From the outermost group to the test. */
function namesOf({ ancestorTitles, title }: TestResult): string[] {
  return [...ancestorTitles, title].filter((name) => name !== '')
}

/** The line that a run of tests or checks ends with. */
export function summaryLine({ passed, failed, skipped }: Pick<TestCounts, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
