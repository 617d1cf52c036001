import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Locks secrets that have to be read again, as the passwords of devices, with a key that the database does not have. */
export interface Seal {
  close(text: string): Buffer
  /** Throws if it was locked with another key, or changed since. */
  open(sealed: Buffer): string
}

const [nonceSize, tagSize] = [12, 16]

export function sealWith(key: Buffer): Seal {
  return {
    close(text) {
      const nonce = randomBytes(nonceSize)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    },
    open(sealed) {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceSize))
      decipher.setAuthTag(sealed.subarray(sealed.length - tagSize))
      const text = decipher.update(sealed.subarray(nonceSize, sealed.length - tagSize))
      return Buffer.concat([text, decipher.final()]).toString('utf8')
    },
  }
}
