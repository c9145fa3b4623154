import { describe, expect, it } from 'vitest'
import { forgetCommand, isForbidden, troubleOf, unavailable } from './retryable.ts'

const coded = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code })

describe('what an error means', () => {
  it.each([
    'LOADING Redis is loading the dataset in memory',
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'NOREPLICAS Not enough good replicas to write.',
    'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.',
    "OOM command not allowed when used memory > 'maxmemory'.",
    'BUSY Redis is busy running a script.',
    'CLUSTERDOWN The cluster is down',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'MOVED 3999 127.0.0.1:6381',
    'Connection is closed.',
    'Too many Cluster redirections. Last error: Error: Connection is closed.',
    'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
    'Failed to refresh slots cache.',
    'None of startup nodes is available',
    "Stream isn't writeable and enableOfflineQueue options is false",
    'ERR max number of clients reached',
    // One that has written nothing.
    'ERR Error running script: Script killed by user with SCRIPT KILL. script: f0a1, on @user_script:12.',
  ])('%s: nobody knows', (message) => {
    expect(troubleOf(new Error(message))).toBe('unknown')
  })

  it.each(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'NO_ANSWER'])(
    '%s: nobody knows',
    (code) => {
      expect(troubleOf(coded(code))).toBe('unknown')
    },
  )

  it.each([
    ['WRONGPASS invalid username-password pair or user is disabled.', 'denied'],
    ['NOAUTH Authentication required.', 'denied'],
    ['NOSCRIPT No matching script. Please use EVAL.', 'unloaded'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'broken'],
    ['ERR user_script:12: attempt to compare nil with number', 'broken'],
    ["NOPERM this user has no permissions to run the 'evalsha' command", 'broken'],
  ])('%s: %s', (message, trouble) => {
    expect(troubleOf(new Error(message))).toBe(trouble)
  })

  it('of a Cluster is what its last node said', () => {
    const of = (message: string): Error =>
      Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError: new Error(message) })
    expect(troubleOf(of('WRONGPASS invalid username-password pair'))).toBe('denied')
    expect(troubleOf(of('Connection is closed.'))).toBe('unknown')
    expect(unavailable('sweep', 'h:1', of('WRONGPASS no')).message).toBe(
      'sweep: Redis at h:1 refuses the connection: Failed to refresh slots cache. (WRONGPASS no)',
    )
  })

  it('a right that is missing is told by the client and by a script alike', () => {
    for (const message of [
      "NOPERM this user has no permissions to run the 'evalsha' command",
      "ERR The user executing the script can't run this command or subcommand script: on @user_script:1.",
      "ERR unknown command 'CONFIG', with args beginning with: 'get'",
    ]) {
      expect(isForbidden(new Error(message)), message).toBe(true)
    }
    expect(isForbidden(new Error('Connection is closed.'))).toBe(false)
  })

  it('a command that failed, and the password in it, is forgotten', () => {
    const error = Object.assign(new Error('WRONGPASS'), { command: { name: 'auth', args: ['hunter2'] } })
    forgetCommand(error)
    expect(JSON.stringify(error)).not.toContain('hunter2')
  })
})
