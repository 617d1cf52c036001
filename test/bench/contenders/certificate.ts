import { type Certificate, selfSigned } from '../../harness/certificate.ts'

let made: Promise<Certificate> | undefined

/** The one certificate (P-256) that all contenders show, for localhost and 127.0.0.1. */
export function certificate(): Promise<Certificate> {
  made ??= selfSigned()
  return made
}
