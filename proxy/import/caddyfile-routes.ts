import { leaveOut } from './caddyfile-directives.ts'
import { type Matcher, narrow } from './caddyfile-matchers.ts'
import type { CaddyLine } from './caddyfile-syntax.ts'
import type { Imported, ImportedRoute } from './imported.ts'

/** Routes of a site, and what is told of their paths. */

/** Where a line stands. */
export interface Place {
  readonly imported: Imported
  readonly hosts: readonly string[]
  readonly listeners: readonly string[]
  readonly matchers: ReadonlyMap<string, Matcher>
  /** Of the same site. */
  readonly routes: ImportedRoute[]
  /** Paths that are to be closed when all routes are there. */
  readonly closed: Pick<ImportedRoute, 'path' | 'exact' | 'line'>[]
  /** Closes all of the site: somebody is kept out of it in a way that cannot be said. */
  readonly close: () => void
  /** What `handle_path` takes off. */
  readonly prefix?: 'strip'
  readonly path?: string
  readonly methods?: readonly string[]
  readonly inherited: Readonly<Record<string, unknown>>
  /** What is taken for files, from the block around, and whether its index stands for what is none. */
  readonly root?: string
  readonly isSpa?: boolean
}

export function pathOf(written: string): Pick<ImportedRoute, 'path' | 'exact'> {
  const path = written.replace(/\*$/, '').replace(/(.)\/+$/, '$1') || '/'
  return { path, exact: !written.endsWith('*') && written !== '/' }
}

/** A route for each path that a line takes. `finish` says where it leads. */
export function addRoutes(
  found: Matcher,
  line: CaddyLine,
  place: Place,
  finish: (route: ImportedRoute) => void,
): void {
  for (const written of found.paths ?? [undefined]) {
    const policies = narrow(place.inherited, found)
    const route: ImportedRoute = {
      name: '',
      line: line.line,
      hosts: place.hosts,
      ...pathOf(written ?? place.path ?? '/*'),
      methods: found.methods ?? place.methods,
      listeners: place.listeners,
      policies: { ...policies },
      prefix: place.prefix,
    }
    finish(route)
    if (route.path !== '/' && ['allow', 'deny', 'basicAuth'].some((name) => name in policies))
      noteCase(place.imported, line, written ?? place.path ?? '/')
    place.routes.push(route)
  }
}

/** What guards a path in Caddy guards it in capitals, too, and what begins like it. */
export function noteCase(imported: Imported, line: CaddyLine, path: string): void {
  const names = /[^/]\*$/.test(path) ? ', and what else begins with it,' : ''
  const why = `case counts here: in other letters than ${path.replace(/\*$/, '')} this path${names} has the rules of the path around it`
  if (!imported.leftOut.some((other) => other.why === why)) leaveOut(imported, line, why)
}

export function noteDeeper(imported: Imported, line: CaddyLine, path: string): void {
  const why =
    'a prefix is its own path, too, here: /api/* is /api/ and below in Caddy, and /api goes elsewhere'
  if (!imported.leftOut.some((other) => other.why === why))
    imported.leftOut.push({ line: line.line, text: path, why })
}
