export interface Mail {
  readonly to: string
  readonly subject: string
}

export interface Mailer {
  /** Sending twice with the same key delivers one mail. */
  send(mail: Mail, options: { idempotencyKey: string; signal: AbortSignal | undefined }): Promise<void>
}

/** Posts mails to a mail provider; without one they are only logged. */
export function createMailer(url: string | undefined): Mailer {
  return {
    async send(mail, { idempotencyKey, signal }) {
      // As JSON: what users write stays on one line of the log.
      if (!url) return console.log(`mail ${JSON.stringify(mail)}`)
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
        body: JSON.stringify(mail),
        signal: signal ?? null,
      })
      if (!response.ok) throw new Error(`the mail provider answered ${response.status}`)
    },
  }
}
