import { LineCounter, parseDocument } from 'yaml'

/** Routers, services and middlewares as they are written, whether by the file provider or by labels. */
export interface TraefikFile {
  readonly routers: Block
  readonly services: Block
  readonly middlewares: Block
  /** Certificates and options of TLS. */
  readonly tls: Block
  /** Kinds that are no HTTP. */
  readonly others: readonly string[]
  readonly lineOf: LineOf
}

/** Reads the YAML of the file provider, or of a compose file with labels. Throws a sentence for what is neither. */
export function readTraefik(text: string): TraefikFile {
  const counter = new LineCounter()
  const parsed = parseDocument(text, { lineCounter: counter })
  const [fault] = parsed.errors
  if (fault !== undefined)
    throw new Error(`line ${counter.linePos(fault.pos[0]).line}: ${fault.message.split('\n')[0]}`)
  const document = parsed.toJS() as unknown
  const http = block(block(document).http)
  const found = Object.keys(http).length > 0 ? http : fromLabels(block(block(document).services))
  const routers = block(found.routers)
  if (Object.keys(routers).length === 0)
    throw new Error('there is no router in it: neither `http.routers` nor labels `traefik.http.routers.…`')
  return {
    routers,
    services: block(found.services),
    middlewares: block(found.middlewares),
    tls: block(block(document).tls),
    others: ['tcp', 'udp'].filter((kind) => kind in block(document) || text.includes(`traefik.${kind}.`)),
    lineOf: linesOf(text),
  }
}

export type Block = Readonly<Record<string, unknown>>

export function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String)
  return value === undefined
    ? []
    : String(value)
        .split(',')
        .map((part) => part.trim())
}

export function block(value: unknown): Block {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Block) : {}
}

/** Where something is defined, from 1: as a key below its kind, or in the first label that names it. */
export type LineOf = (kind: 'routers' | 'services' | 'middlewares', name: string) => number

// --- internal ---

function linesOf(text: string): LineOf {
  const lines = text.split('\n')
  const lineWith = (pattern: RegExp, from = 0): number =>
    lines.findIndex((line, at) => at >= from && pattern.test(line))
  return (kind, name) => {
    const escaped = name.replace(/[^\w-]/g, '\\$&')
    const label = lineWith(new RegExp(`traefik\\.http\\.${kind}\\.${escaped}\\.`))
    const heading = lineWith(new RegExp(`^\\s+${kind}:`))
    const key = heading === -1 ? -1 : lineWith(new RegExp(`^\\s+["']?${escaped}["']?:`), heading)
    return Math.max(label, key, 0) + 1
  }
}

/** `traefik.http.routers.app.rule=…` of every service, put together as the file provider has them. */
function fromLabels(compose: Block): Block {
  const tree: Record<string, unknown> = {}
  for (const [service, { labels }] of Object.entries(compose).map(
    ([name, value]) => [name, block(value)] as const,
  )) {
    const pairs = Array.isArray(labels)
      ? labels.map((label) => /^([^=]+)=(.*)$/s.exec(String(label))?.slice(1) ?? [])
      : Object.entries(block(labels))
    // Traefik leaves it alone, and so nobody comes there.
    if (pairs.some(([key, value]) => key === 'traefik.enable' && String(value) === 'false')) continue
    for (const [key = '', value = ''] of pairs as [string, unknown][]) {
      const path = key.split('.')
      if (path[0] !== 'traefik' || path[1] !== 'http') continue
      put(tree, path.slice(2), String(value))
      if (path[2] === 'routers') put(tree, ['routers', path[3] ?? '', 'host'], service)
      if (path[2] === 'services') put(tree, ['services', path[3] ?? '', 'host'], service)
    }
  }
  return tree
}

function put(tree: Record<string, unknown>, path: readonly string[], value: string): void {
  let node = tree
  for (const part of path.slice(0, -1)) {
    if (part === '__proto__') return
    const next = block(Object.hasOwn(node, part) ? node[part] : undefined) as Record<string, unknown>
    node[part] = next
    node = next
  }
  const last = path.at(-1) ?? ''
  if (last !== '__proto__') node[last] = value
}
