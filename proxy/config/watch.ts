import { unwatchFile, watchFile } from 'node:fs'

/** Milliseconds between looks, and how long a file must then be left alone: editors write in several steps. */
const lookEvery = 250
const quiet = 100

/**
 * Calls `onChange` after the file was written, replaced, or appeared. It looks at the name itself, so a rename over
 * it and a swapped link, as Kubernetes and deployments do, are changes like any other, on every file system.
 * A change is told within half a second. Answers a function that ends it.
 */
export function watchConfig(file: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const changed = (): void => {
    clearTimeout(timer)
    timer = setTimeout(onChange, quiet)
  }
  watchFile(file, { interval: lookEvery, persistent: false }, changed)
  return () => {
    clearTimeout(timer)
    unwatchFile(file, changed)
  }
}
