import { ask } from '../../shared/page/ask.ts'

/** What the service says of itself. */
interface Settings {
  /** Bytes. */
  readonly chunk_size: number
  /** Where this page is encrypted, if it was told. */
  readonly public_url: string | null
}

let asked: Promise<Settings> | undefined

/** Never rejects: a service that does not answer leaves what is usual. Asked again until it has answered once. */
export function readSettings(): Promise<Settings> {
  asked ??= ask<Settings>('api/settings').catch(() => {
    asked = undefined
    return { chunk_size: 1024 ** 2, public_url: null }
  })
  return asked
}
