import { writePair } from '../stage.ts'
import type { Fault } from './fault.ts'

/** People change something, or forget to. */

export const badConfiguration: Fault = {
  name: 'bad configuration pushed',
  alert: 'GatehouseConfigRefused',
  async begin(stage) {
    await stage.write(stage.routes.replace('to: shop', 'to: shpo'))
    return () => stage.write(stage.routes)
  },
  gameDay: {
    log: /shpo/,
    command: ['check'],
    shows: /shpo/,
    mended: 'the line that `gatehouse check` shows mended',
    changed: 'nothing: what ran before was served on',
  },
}

export const certificateEnded: Fault = {
  name: 'certificate expired',
  alert: 'GatehouseCertificateEnded',
  overTls: true,
  async begin(stage) {
    await writePair(stage.folder, stage.authority, -1)
    return () => writePair(stage.folder, stage.authority, 90)
  },
  gameDay: {
    log: /"warn".*(ended|expired)/,
    command: ['certs'],
    shows: /ended|expired/,
    mended: 'a new pair put in the place of the old',
    changed: 'the log warns of it: before, it said only that certificates were taken up',
  },
}

export const certificateEnds: Fault = {
  name: 'a certificate has ten days left',
  alert: 'GatehouseCertificateEnds',
  async begin(stage) {
    await writePair(stage.folder, stage.authority, 10)
    return () => writePair(stage.folder, stage.authority, 90)
  },
}
