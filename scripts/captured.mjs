// The output of commands, as the pages show it: found by the comment `<!-- captured: npm start -->` before its fence.

/** What differs from one time to the next is made the same. */
export function normalised(output) {
  return output
    .trim()
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
    .replace(/^ *\d+\.\d\d s/gm, '<t>')
    .replace(/ *\d+ ms/g, ' <ms>')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:<port>')
    .replace(/pid \d+/g, 'pid <pid>')
    .replace(/pids \d+ and \d+/g, 'pids <pid> and <pid>')
    .replace(/worker [12]/g, 'worker <n>')
}

/** The fence captured from this command: its text, and a way to replace it. */
export function captured(page, command) {
  const marker = `<!-- captured: ${command} -->\n\n\`\`\`text\n`
  const start = page.indexOf(marker) + marker.length
  if (start < marker.length) throw new Error(`no fence is captured from '${command}'`)
  const end = page.indexOf('```', start)
  return {
    text: page.slice(start, end),
    replacedBy: (output) => `${page.slice(0, start)}${output.trim()}\n${page.slice(end)}`,
  }
}
