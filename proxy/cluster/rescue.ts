import type { Worker } from 'node:cluster'

/**
 * Gives connections that a worker never took to another, if it is killed.
 *
 * node:cluster hands a connection to a worker and closes its own copy when the worker says that it has it. If the
 * worker is killed between the two, nobody ever closes or serves it: its client waits until it gives up. One
 * connection per listener was lost this way in nearly every kill under load. A worker that is alive can say `no`,
 * and node:cluster then asks the next one, so that is what is said in the name of the dead.
 *
 * There is no public way to see these messages. Should their form change, this does nothing.
 */
export function rescueConnections({ process }: Worker): void {
  const handedOver = new Set<number>()
  const send = process.send
  process.send = function sendAndNote(this: typeof process, ...given: Parameters<typeof send>): boolean {
    const { cmd, act, seq } = given[0] as ClusterMessage
    if (cmd === clusterMessage && act === 'newconn' && seq !== undefined) handedOver.add(seq)
    return send.apply(this, given)
  } as typeof send
  process.on('internalMessage', ({ cmd, ack }: ClusterMessage) => {
    if (cmd === clusterMessage && ack !== undefined) handedOver.delete(ack)
  })
  process.once('exit', () => {
    // What it has said last may still have to be read.
    setTimeout(() => {
      if (process.connected) process.disconnect()
      for (const ack of handedOver) process.emit('internalMessage' as 'message', refusal(ack), undefined)
    }, unread)
  })
}

/** Milliseconds. */
const unread = 30
const clusterMessage = 'NODE_CLUSTER'

interface ClusterMessage {
  readonly cmd?: string
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
}

function refusal(ack: number): ClusterMessage & { accepted: boolean } {
  return { cmd: clusterMessage, ack, accepted: false }
}
