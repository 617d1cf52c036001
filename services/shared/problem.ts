/**
 * A refusal, as the client is told of it: RFC 9457 problem details. `title` is a sentence that a person can act on, and
 * nothing in it is secret.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly title: string
  /** More members of the answer: which field, which limit. */
  readonly more: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    title: string,
    { headers = {}, ...more }: { headers?: Record<string, string>; [name: string]: unknown } = {},
  ) {
    super(title)
    this.status = status
    this.title = title
    this.more = more
    this.headers = headers
  }
}
