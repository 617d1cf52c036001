/** What the proxy answered instead of what was asked for: a sentence for whoever looks at the page. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** 0: nobody answered. */
  readonly status: number
  constructor(status: number, sentence: string) {
    super(sentence)
    this.status = status
  }
}

/** Asks below `api/` and answers the JSON. Throws a Refusal. */
export async function ask<Answer>(method: string, path: string, json?: unknown): Promise<Answer> {
  const headers: Record<string, string> = json === undefined ? {} : { 'content-type': 'application/json' }
  const body = json === undefined ? undefined : JSON.stringify(json)
  const response = await fetch(`api/${path}`, { method, headers, body }).catch(() => {
    throw new Refusal(0, 'Gatehouse does not answer. Is it running, and the way to it open?')
  })
  const answer = (await response.json().catch(() => ({}))) as { detail?: string }
  if (response.ok) return answer as Answer
  throw new Refusal(response.status, answer.detail ?? `Gatehouse answered ${response.status}.`)
}
