import type { Worker } from 'node:cluster'
import { logger } from '../observability/logger.ts'

/**
 * Answers for a worker about connections that it was handed and can say nothing of, so that none hangs.
 *
 * node:cluster hands a connection to a worker, closes its own copy when the worker says that it has it, and only then
 * hands it the next. There are two cases in which the worker never says so.
 *
 * It is killed between the two: nobody ever closes or serves the connection, and its client waits until it gives up.
 * One connection per listener was lost this way in nearly every kill under load. A worker that is alive can say `no`,
 * and node:cluster then asks the next one, so that is what is said in the name of the dead.
 *
 * It has no file descriptor left to take the connection with: the message arrives without it, and is sent back. A
 * single such message was the last that a worker ever got, and a flood that had passed through all of them left a
 * proxy that lived and served nobody. In its name `yes` is said, which closes the connection: another worker will
 * hardly have more room, and to ask in circles would cost the core that is needed.
 *
 * There is no public way to see these messages. Should their form change, this does nothing.
 */
export function rescueConnections({ process }: Worker): void {
  /** In the order in which they were sent, which is that of the answers. */
  const handedOver = new Set<number>()
  const send = process.send
  process.send = function sendAndNote(this: typeof process, ...given: Parameters<typeof send>): boolean {
    const { cmd, act, seq } = given[0] as ClusterMessage
    if (cmd === clusterMessage && act === 'newconn' && seq !== undefined) handedOver.add(seq)
    return send.apply(this, given)
  } as typeof send
  process.on('internalMessage', ({ cmd, ack }: ClusterMessage) => {
    if (cmd === clusterMessage && ack !== undefined) handedOver.delete(ack)
    if (cmd !== arrivedWithout) return
    const [seq] = handedOver
    if (seq === undefined) return
    tellOfDescriptors()
    process.emit('internalMessage' as 'message', reply(seq, true), undefined)
  })
  process.once('exit', () => {
    // What it has said last may still have to be read.
    setTimeout(() => {
      if (process.connected) process.disconnect()
      for (const ack of handedOver) process.emit('internalMessage' as 'message', reply(ack, false), undefined)
    }, unread)
  })
}

/** Milliseconds. */
const unread = 30
const clusterMessage = 'NODE_CLUSTER'
const arrivedWithout = 'NODE_HANDLE_NACK'

interface ClusterMessage {
  readonly cmd?: string
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
}

function reply(ack: number, accepted: boolean): ClusterMessage & { accepted: boolean } {
  return { cmd: clusterMessage, ack, accepted }
}

/** Milliseconds. A flood is told of, and does not become one of the log. */
const tellEvery = 60_000
let toldAt = Number.NEGATIVE_INFINITY

function tellOfDescriptors(): void {
  if (performance.now() - toldAt < tellEvery) return
  toldAt = performance.now()
  logger
    .child('gatehouse')
    .error(
      'a worker has no file descriptor left, and connections are cut; allow more (LimitNOFILE of systemd, ulimit -n), or lower limits.connectionsPerClient',
    )
}
