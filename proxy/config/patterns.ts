import { z } from 'zod'
import { parseAddress } from '../address.ts'

/**
 * The texts of routes.yaml that have a form of their own: names, ports, hosts, paths, addresses. A fault reads on
 * from the value (`"/close*" holds a …`), and what stands behind its first `; ` is the mend.
 */

export const name = z
  .string()
  .max(64, 'is longer than 64 characters')
  .regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'is not a name; write letters, digits, - and _, starting with a letter')

const portWords = 'is not a port; write a whole number from 0 to 65535'
export const port = z.int(portWords).min(0, portWords).max(65535, portWords)

/** An address to listen on. A name would have to be resolved, and nothing is resolved at load. */
export const bindAddress = form(
  (text) => (parseAddress(text) ? undefined : 'is not an IP address; write 127.0.0.1, ::1, 0.0.0.0 or ::'),
  /^[0-9A-Fa-f:.]+(%.+)?$/,
)

export const hostPattern = z.string().toLowerCase().superRefine(refuseBy(findHostFault)).meta({
  pattern: String.raw`^(\*\.)?[A-Za-z0-9_][A-Za-z0-9_.-]*$|^\[[0-9A-Fa-f:.]+\]$`,
})

export const pathPattern = form(findPathFault, /^\/[^\s*?#%;\\]*$/)

/** `http://host:port`, `https://host:port`, `unix:/path`: where an upstream listens. */
export const targetAddress = form(findTargetFault, /^(https?:\/\/[^/?#\s]+\/?|unix:\/.+)$/)

export const fieldName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'is not a field name; write one such as X-Team')

/** A file, a folder or a socket, relative to routes.yaml. */
export const filePath = z
  .string()
  .min(1, 'is empty; write a path relative to routes.yaml')
  .refine((text) => !text.includes('\0'), 'holds a character that no path may hold; remove it')

/** An address that is asked over HTTP. */
export const webAddress = z
  .url({ protocol: /^https?$/, error: 'is not an address; write one such as https://auth.example.com/keys' })
  .regex(/^\S*$/, 'holds blanks; percent-encode them')

/** A name as certificates carry it. */
export const certificateName = z
  .string()
  .regex(
    /^([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+)$/,
    'is not a name of a certificate; write one such as app.internal',
  )

/** A file path relative to routes.yaml, or `env:NAME`. A secret never stands in routes.yaml itself. */
export const secret = z
  .string()
  .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|(?!env:).+)$/, 'is neither a file nor env:NAME; write one of the two')
  .describe('A file, or `env:NAME` for an environment variable. The secret itself never stands here.')

/** The names of the `:name` segments of a path. */
export function paramsOf(path: string): string[] {
  return [...path.matchAll(/\/:([^/]+)/g)].map((found) => found[1] as string)
}

const hostForm =
  /^(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$|^\[[0-9a-f:.]+\]$/

function findHostFault(host: string): string | undefined {
  if (host.length <= 253 && hostForm.test(host)) return undefined
  const bare = host.replace(/^[a-z]+:\/\//, '').replace(/[/?#].*$/s, '')
  const alone = bare.replace(/:\d*$/, '').replace(/\.$/, '')
  if (host !== alone && hostForm.test(alone))
    return `is more than a host, which has no scheme, port or path; did you mean "${alone}"?`
  if (host.includes('*')) return 'has a `*` that is not the whole first label; write *.example.com'
  if (parseAddress(host)) return `is an IPv6 address without brackets; did you mean "[${host}]"?`
  if (/[^\x20-\x7e]/.test(host)) return 'is not a host name; write the xn-- form of an international name'
  return 'is not a host name; write one such as app.example.com or *.example.com'
}

function findPathFault(path: string): string | undefined {
  if (!path.startsWith('/')) {
    if (/^[A-Za-z0-9][\w./-]*$/.test(path)) return `does not start with /; did you mean "/${path}"?`
    return 'is not a path; write one such as /api'
  }
  if (path.includes('*')) return describeStar(path)
  if (/[?#]/.test(path)) return 'holds a query or fragment; only the path is matched, so leave it out'
  const strange = /[^A-Za-z0-9\-._~!$&'()+,=:@/]/.exec(path)
  if (strange)
    return `holds ${JSON.stringify(strange[0])}; a path has no blanks, \`;\`, \`%\` or letters beyond ASCII`
  const segments = path.slice(1).replace(/\/$/, '').split('/')
  if (path.length > 1 && segments.includes(''))
    return `holds an empty segment; did you mean "${path.replace(/\/{2,}/g, '/')}"?`
  if (segments.some((segment) => segment === '.' || segment === '..'))
    return 'holds `.` or `..`, which no request has once it was read; write the path out'
  const odd = segments.find((segment) => segment.startsWith(':') && !/^:[A-Za-z][A-Za-z0-9_]*$/.test(segment))
  if (odd !== undefined) return `has the parameter "${odd}"; write letters, digits and _, such as /:name`
  const params = paramsOf(path)
  if (new Set(params).size < params.length) return 'has the same parameter twice; give each a name of its own'
  return undefined
}

function describeStar(path: string): string {
  const says = 'holds a `*`, which stands for nothing: a path is a prefix that ends at a segment'
  const before = path.slice(0, path.indexOf('*'))
  const prefix = before.replace(/\/$/, '') || '/'
  const closed = path.endsWith('*') && path.indexOf('*') === path.length - 1
  return closed && /[A-Za-z0-9/]$/.test(before) && findPathFault(prefix) === undefined
    ? `${says}; did you mean "${prefix}"?`
    : `${says}; write whole segments, \`:name\` for one that varies`
}

function findTargetFault(text: string): string | undefined {
  if (text.startsWith('unix:'))
    return /^unix:\/[^\0]+$/.test(text)
      ? undefined
      : 'is not the whole path of a socket; write unix:/run/app.sock'
  if (/^wss?:\/\//.test(text))
    return 'is not an address; WebSockets go to http:// and https:// addresses like any request'
  if (/^[A-Za-z0-9_.-]+:\d+$/.test(text)) return `has no scheme; did you mean "http://${text}"?`
  if (!/^https?:\/\/[^/?#\s\\]/.test(text) || !URL.canParse(text))
    return 'is none of http://host:port, https://host:port, unix:/path; write one of these'
  const url = new URL(text)
  if (url.username !== '' || url.password !== '')
    return 'holds a name or password; leave it out, and set a field with `policies.headers` if the upstream asks'
  if (!/^https?:\/\/[^/?#\s\\]+\/?$/.test(text))
    return 'has a path, and a target is a host and a port; give the path to `forward.prefix`'
  return undefined
}

function form(findFault: (text: string) => string | undefined, pattern: RegExp) {
  return z.string().superRefine(refuseBy(findFault)).meta({ pattern: pattern.source })
}

function refuseBy(findFault: (text: string) => string | undefined) {
  return (text: string, context: { addIssue(issue: { code: 'custom'; message: string }): void }) => {
    const fault = findFault(text)
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
  }
}
