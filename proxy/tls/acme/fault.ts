/** Why a certificate was not issued: in words that lead to the mend. */
export class AcmeFault extends Error {
  override readonly name = 'AcmeFault'
  /** Of RFC 8555 §6.7: `connection`, `dns`, `rateLimited`; or `unreachable` for an authority that does not answer. */
  readonly kind: string
  readonly mend: string
  /** Milliseconds that the authority wants to be left alone. */
  readonly retryAfter: number | undefined

  constructor(kind: string, message: string, retryAfter?: number) {
    super(message)
    this.kind = kind
    this.mend = mends[kind] ?? 'look the words of the authority up in its documents'
    this.retryAfter = retryAfter
  }

  /** Reads an error of the client library: its text holds the answer of the authority. */
  static from(error: unknown): AcmeFault {
    if (error instanceof AcmeFault) return error
    const { message = String(error), code, response } = error as Answered
    const retryAfter = secondsOf(response?.headers?.['retry-after'])
    const kind = /urn:ietf:params:acme:error:(\w+)/.exec(`${response?.data?.type ?? ''} ${message}`)?.[1]
    if (kind !== undefined) return new AcmeFault(kind, detailOf(message, response?.data?.detail), retryAfter)
    if (response?.status === 429) return new AcmeFault('rateLimited', message, retryAfter)
    if (code !== undefined || /timeout|ECONN|ENOTFOUND|EAI_AGAIN|certificate/i.test(message))
      return new AcmeFault('unreachable', `the authority cannot be asked: ${message}`, retryAfter)
    if (/hook/.test(message)) return new AcmeFault('hook', message)
    return new AcmeFault('unknown', detailOf(message, undefined), retryAfter)
  }
}

// --- internal ---

interface Answered {
  readonly message?: string
  readonly code?: string
  readonly response?: {
    readonly status?: number
    readonly headers?: Readonly<Record<string, string | undefined>>
    readonly data?: { readonly type?: string; readonly detail?: string }
  }
}

const mends: Readonly<Record<string, string>> = {
  connection:
    'the authority could not connect to this host: open port 80 (or the port that leads to the `http` listener) in every firewall on the way, or prove by `dns`',
  dns: 'the name does not lead here: point its A and AAAA records at this machine',
  unauthorized:
    'the authority reached something else than this proxy: does the name lead here over IPv6 as well, and does port 80 lead to the `http` listener?',
  incorrectResponse:
    'the authority reached another server: does port 80 of this name lead to the `http` listener?',
  caa: 'a CAA record of the domain names other authorities: add this one',
  rateLimited:
    'the authority has been asked too often; it will be asked again when it allows it. Try with letsencrypt-staging',
  rejectedIdentifier:
    'this authority certifies no such name; take it out of `hosts`, or name another authority',
  unsupportedIdentifier: 'this authority certifies no such name; take it out of `hosts`',
  invalidContact: 'the authority refuses the address in `email`',
  externalAccountRequired: 'this authority wants an account that was made on its site; name another',
  userActionRequired: 'the authority wants its terms to be agreed to on its site',
  serverInternal: 'something is wrong at the authority; it will be asked again',
  unreachable:
    'is the address of the directory right, may this machine connect to it, and does it need `ca`?',
  hook: 'call the program by hand, as in docs/recipes, and see what it says',
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined
}

/** The sentence of the authority, without the library's words around it. */
function detailOf(message: string, detail: string | undefined): string {
  const inner = /"detail":\s*"((?:[^"\\]|\\.)*)"/.exec(message)?.[1]
  return (detail ?? inner ?? message).slice(0, 500)
}
