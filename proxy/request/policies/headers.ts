import { validateHeaderValue } from 'node:http'
import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { HeaderEntry, Policy, RequestHeaders, ResponseHeaders } from './policy.ts'

type Edit = PolicyOptions<'headers'>['request']

/**
 * Sets, adds and removes fields both ways: removes first, then sets, then adds. Fields that frame a message,
 * belong to one connection or make up the WebSocket handshake are refused when the route is built: whoever
 * edits those makes two readers disagree about where a request ends.
 */
export function headers(options: PolicyOptions<'headers'>): Policy {
  const policy: Policy = { name: 'headers', mode: options.mode }
  const request = compileEdit('request', options.request)
  const response = compileEdit('response', options.response)
  if (request) policy.editRequest = (_facts, fields) => editPairs(fields, request)
  if (response) policy.editResponse = (_facts, head) => editRecord(head.headers, response)
  return policy
}

/** Names in lower case. `gone` holds those that are set, too: setting is removing and adding one. */
interface CompiledEdit {
  readonly gone: ReadonlySet<string>
  readonly set: readonly HeaderEntry[]
  readonly add: readonly HeaderEntry[]
}

/**
 * Of a request, the twin with underscores goes as well: CGI and WSGI read `X_User` and `X-User` as one, and a client could
 * say by the one what the other was to keep from it.
 */
function editPairs(fields: RequestHeaders, edit: CompiledEdit): void {
  let kept = 0
  for (let i = 0; i < fields.length; i += 2) {
    if (edit.gone.has(dashed((fields[i] as string).toLowerCase()))) continue
    fields[kept++] = fields[i] as string
    fields[kept++] = fields[i + 1] as string
  }
  fields.length = kept
  for (const [name, value] of edit.set) fields.push(name, value)
  for (const [name, value] of edit.add) fields.push(name, value)
}

function editRecord(fields: ResponseHeaders, edit: CompiledEdit): void {
  for (const name of edit.gone) delete fields[name]
  for (const [name, value] of edit.set) fields[name] = value
  for (const [name, value] of edit.add) {
    const old = fields[name]
    if (old === undefined) fields[name] = value
    else fields[name] = Array.isArray(old) ? [...old, value] : [old, value]
  }
}

function compileEdit(side: 'request' | 'response', edit: Edit): CompiledEdit | undefined {
  const set = entriesOf(side, edit.set)
  const add = entriesOf(side, edit.add)
  const remove = edit.remove.map((name) => checkName(side, name))
  if (set.length + add.length + remove.length === 0) return undefined
  const gone = [...remove, ...set.map(([name]) => name)]
  return { gone: new Set(side === 'request' ? gone.map(dashed) : gone), set, add }
}

function dashed(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name
}

function entriesOf(side: 'request' | 'response', fields: Record<string, string>): HeaderEntry[] {
  return Object.entries(fields).map(([name, value]) => {
    const lower = checkName(side, name)
    try {
      validateHeaderValue(lower, value)
    } catch {
      throw new Error(`the value of "${name}" holds a character that no header field may hold`)
    }
    return [lower, value]
  })
}

const untouchable: Readonly<Record<string, string>> = {
  'content-length': 'frames the message',
  'transfer-encoding': 'frames the message',
  trailer: 'frames the message',
  connection: 'belongs to one connection',
  'keep-alive': 'belongs to one connection',
  'proxy-connection': 'belongs to one connection',
  'proxy-authenticate': 'belongs to one connection',
  'proxy-authorization': 'belongs to one connection',
  'http2-settings': 'belongs to one connection',
  te: 'belongs to one connection',
  upgrade: 'belongs to one connection',
  expect: 'is an agreement between client and proxy',
}

function checkName(side: 'request' | 'response', name: string): string {
  const lower = name.toLowerCase()
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(lower)) throw new Error(`"${name}" is not a field name`)
  const why = lower.startsWith('sec-websocket-') ? 'is part of the WebSocket handshake' : untouchable[lower]
  if (why !== undefined) throw new Error(`"${name}" ${why} and cannot be edited`)
  if (side === 'request' && lower === 'host')
    throw new Error('"host" of a request is set by `forward.host` of the route')
  return lower
}
