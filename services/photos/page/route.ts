import { useSyncExternalStore } from 'react'

/** Which picture the address names; undefined on the start page. */
export function usePicture(): string | undefined {
  const path = useSyncExternalStore(subscribe, () => location.pathname)
  return /^\/pictures\/([^/]+)$/.exec(path)?.[1]
}

export function go(path: string): void {
  history.pushState(null, '', path)
  dispatchEvent(new PopStateEvent('popstate'))
  scrollTo(0, 0)
}

function subscribe(changed: () => void): () => void {
  addEventListener('popstate', changed)
  return () => removeEventListener('popstate', changed)
}
