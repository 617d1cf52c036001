import { connect, type Socket } from 'node:net'
import { createResponseReader, type Response } from './response-reader.ts'

/** A client's connection that is dialled anew whenever the proxy closes it. One request at a time. */
export interface KeptConnection {
  send(head: string): void
  close(): void
}

export interface ConnectionEvents {
  /** It takes a request now: it is new, or it has answered. */
  ready(): void
  /** It takes none until it is ready again. */
  away(): void
  answered(response: Response): void
  /**
   * The request that it had got no answer. A proxy may close an idle connection at any time, and a request may be
   * under way just then: `untouched` says that the connection had answered before and that not a byte came back, so
   * that it may be asked again (RFC 9112 §9.3.1).
   */
  failed(reason: string, untouched: boolean): void
}

export function openConnection(port: number, events: ConnectionEvents): KeptConnection {
  let socket: Socket
  let busy = false
  let closed = false
  dial()
  return {
    send(head) {
      busy = true
      socket.write(head)
    },
    close() {
      closed = true
      socket.destroy()
    },
  }

  function dial(): void {
    const reader = createResponseReader()
    let reused = false
    let touched = false
    const fail = (reason: string) => {
      if (!busy) return
      busy = false
      events.failed(reason, reused && !touched)
    }
    socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('connect', events.ready)
    socket.on('data', (chunk: Buffer) => {
      touched = true
      try {
        const response = reader.read(chunk)
        if (!response) return
        touched = false
        reused = true
        busy = false
        events.answered(response)
        if (/\r\nconnection: *close/i.test(response.head)) socket.end()
        else events.ready()
      } catch (error) {
        fail(String(error))
        socket.destroy()
      }
    })
    socket.on('end', events.away)
    socket.on('error', () => {})
    socket.on('close', () => {
      if (closed) return
      events.away()
      fail('the connection was closed')
      setTimeout(() => closed || dial(), 5)
    })
  }
}
