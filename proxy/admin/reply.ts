export interface AdminReply {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** A problem of RFC 9457 in the form that the proxy's own errors have. */
export function problem(status: number, code: string, detail: string): AdminReply {
  const body = { type: `urn:gatehouse:error:${code}`, title: detail, status, code, detail }
  return { status, type: 'application/problem+json', body: `${JSON.stringify(body)}\n` }
}
