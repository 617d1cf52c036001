/** Reads responses with a length, one after another, as this load generator asks for them. */
export interface ResponseReader {
  /** Feeds it, and answers the response that this completes, if it does. Throws on what it does not understand. */
  read(chunk: Buffer): Response | undefined
}

export interface Response {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

export function createResponseReader(): ResponseReader {
  let held: Buffer = Buffer.alloc(0)
  return {
    read(chunk) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const headEnd = held.indexOf('\r\n\r\n')
      if (headEnd === -1) return undefined
      const head = held.toString('latin1', 0, headEnd + 2)
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
      if (length === undefined) throw new Error(`a response without a length: ${head}`)
      const end = headEnd + 4 + Number(length)
      if (held.length < end) return undefined
      if (held.length > end) throw new Error(`${held.length - end} bytes too many`)
      const response = { status: Number(head.slice(9, 12)), head, body: held.subarray(headEnd + 4) }
      held = Buffer.alloc(0)
      return response
    },
  }
}
