import { readFileSync } from 'node:fs'

/** The version of this Gatehouse, from package.json: two folders up from the sources, three from what is built. */
export const version: string = readVersion()

function readVersion(): string {
  for (const way of ['../../package.json', '../../../package.json']) {
    try {
      const text = readFileSync(new URL(way, import.meta.url), 'utf8')
      return (JSON.parse(text) as { version: string }).version
    } catch {
      // The other one, then.
    }
  }
  return 'unknown'
}
