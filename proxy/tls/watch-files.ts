import { watch } from 'chokidar'

/** Editors and certbot write several files in a row; one change is told once they have been quiet this long. */
const defaultQuiet = 300

/**
 * Calls `onChange` once after any of the files (absolute paths) was written, replaced, or appeared, and they
 * have been quiet for `quiet` milliseconds. Links are followed: certbot and Kubernetes swap what a link
 * points to. A file that is not there yet is watched for.
 */
export function watchFiles(
  files: readonly string[],
  onChange: () => void,
  onError: (error: Error) => void,
  quiet = defaultQuiet,
): { close(): Promise<void>; ready: Promise<void> } {
  let timer: NodeJS.Timeout | undefined
  const watcher = watch([...files], { ignoreInitial: true, persistent: false })
  watcher.on('all', () => {
    clearTimeout(timer)
    timer = setTimeout(onChange, quiet)
  })
  watcher.on('error', (error) => onError(error instanceof Error ? error : new Error(String(error))))
  const ready = new Promise<void>((resolve) => watcher.once('ready', resolve))
  return {
    ready,
    close(): Promise<void> {
      clearTimeout(timer)
      return watcher.close()
    },
  }
}
