import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { go } from './route.ts'

/** A link within the page: it loads nothing, unless somebody wants it in a tab of its own. */
export function Link({ href, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  function follow(event: MouseEvent) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    go(href)
  }
  return <a href={href} onClick={follow} {...rest} />
}
