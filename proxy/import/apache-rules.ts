import type { Entry } from './apache-syntax.ts'
import { closedUntilDecided, closeRoute } from './guards.ts'
import { type Imported, type ImportedRoute, removeField, setField } from './imported.ts'

/** What single directives of Apache say of a route. */

/** What needs no counterpart: this proxy does it, or another part of the import reads it. */
export const isByItself = (name: string): boolean =>
  /^(ServerName|ServerAlias|ServerAdmin|ServerSignature|ServerTokens|UseCanonicalName|SSL(Engine|CertificateFile|CertificateKeyFile|CertificateChainFile|Protocol|CipherSuite|HonorCipherOrder|SessionTickets|SessionCache|Options|Compression|VerifyClient|VerifyDepth|CACertificateFile|ProxyEngine)|ErrorLog|LogLevel|LogFormat|Protocols|ProxyPass|ProxyPassReverse\w*|ProxyRequests|ProxyAddHeaders|ProxyVia|Rewrite\w+|Redirect\w*|DocumentRoot|CustomLog|TransferLog|AuthType|AuthBasicProvider|Options|AllowOverride|DirectoryIndex|Alias|ScriptAlias|Location|Directory|Proxy|LocationMatch|DirectoryMatch|ProxyMatch|Files|FilesMatch|Limit|LimitExcept|KeepAlive\w*|Timeout|RemoteIP\w+|BalancerMember|ProxySet|H2\w+)$/i.test(
    name,
  )

/** Whether a directive may keep somebody out: every one may that is not known to do something else. */
function isGuard(name: string): boolean {
  return !/^(ErrorDocument|Expires\w*|FileETag|Header|RequestHeader|AddOutputFilter\w*|AddInputFilter\w*|SetOutputFilter|Deflate\w+|BrotliC\w+|Add(Type|Charset|DefaultCharset|Encoding|Handler|Language|Icon\w*|Description|Alt\w*)|SetHandler|DefaultType|ForceType|MultiviewsMatch|LanguagePriority|IndexOptions|IndexIgnore|IndexStyleSheet|HeaderName|ReadmeName|EnableSendfile|EnableMMAP|LimitRequest\w+|LimitXML\w+|SubstituteMaxLineLength|Substitute|SetEnv|SetEnvIf\w*|PassEnv|UnsetEnv|BrowserMatch\w*|ProxyTimeout|ProxyPreserveHost|ProxyBadHeader|ProxyErrorOverride|ProxyHTML\w*|ProxyPassMatch|ProxyPassInherit|ProxyReceiveBufferSize|ProxyIOBufferSize|ProxyMaxForwards|ProxyStatus|ProxyWebsocket\w*|ProxyFCGI\w+|SSLProxy\w+|SSLUseStapling|SSLStapling\w*|SSLOpenSSLConfCmd|SSLInsecureRenegotiation|SSLStrictSNIVHostCheck|Cache\w+|CheckSpelling|AcceptPathInfo|AllowEncodedSlashes|ContentDigest|Files?Info|php_(admin_)?(value|flag)|Action|Suexec\w*|AssignUserID|WSGI\w+|Passenger\w+|Satisfy|HostnameLookups|ServerPath|Protocol|Mutex|Define|UnDefine)$/i.test(
    name,
  )
}

/** Where a directive is applied. `own`: it is said of this route, and not of one around. */
export interface Application {
  readonly imported: Imported
  readonly own: boolean
}

/** Writes what a directive says to a route; what guards and is not understood closes it. */
export function applyRule(route: ImportedRoute, entry: Entry, { imported, own }: Application): void {
  const { name, args, line } = entry
  const leave = (why: string): void => {
    const text = [name, ...args].join(' ')
    if (own && !imported.leftOut.some((other) => other.line === line && other.text === text))
      imported.leftOut.push({ line, text, why })
  }
  const close = (why: string): void => {
    leave(`${why}: ${closedUntilDecided}`)
    closeRoute(route)
  }
  switch (name.toLowerCase()) {
    case 'require':
      return applyRequire(route, args, close)
    // Of Apache 2.2, and of mod_access_compat.
    case 'deny':
    case 'order':
    case 'allow':
    case 'requireall':
    case 'requirenone':
    case 'requireany':
      return close('what it lets pass is not read')
    case 'authtype':
    case 'authbasicprovider':
      if (!/^(basic|file)$/i.test(args.join(' '))) close('passwords are asked for as Basic, of a file, here')
      return
    case 'authuserfile':
      route.policies.basicAuth = { ...(route.policies.basicAuth as object), users: args[0] }
      return
    case 'authname':
      route.policies.basicAuth = { ...(route.policies.basicAuth as object), realm: args[0] }
      return
    case 'limitexcept':
      if (entry.block.length === 1 && /^all denied$/i.test(entry.block[0]?.args.join(' ') ?? ''))
        route.policies.methods = args
      else close('who may use other methods is not read')
      return
    case 'include':
    case 'includeoptional':
      if (!/(options-ssl-apache|ssl-params[\w.-]*)\.conf$/.test(args[0] ?? ''))
        close('what it names is not read')
      return
    case 'limit':
    case 'if':
    case 'elseif':
    case 'else':
      return close('whom it is for is not read')
    case 'header':
      return applyField(
        route,
        'response',
        /^(always|onsuccess)$/i.test(args[0] ?? '') ? args.slice(1) : args,
        leave,
      )
    case 'requestheader':
      return applyField(route, 'request', args, leave)
    case 'proxypreservehost':
      if (/^on$/i.test(args[0] ?? '')) route.host = undefined
      return
    case 'proxytimeout':
      route.timeouts ??= { response: `${args[0]}s`, idle: `${args[0]}s` }
      return
    case 'limitrequestbody':
      if (args[0] !== '0') route.policies.maxBody = `${args[0]}B`
      return
    case 'addoutputfilterbytype':
      if (args[0] === 'DEFLATE') route.policies.compress = true
      return
    case 'sslproxyverify': {
      const upstream = route.to === undefined ? undefined : imported.upstreams.get(route.to)
      if (args[0] === 'none' && upstream !== undefined) upstream.tls = { insecureSkipVerify: true }
      return
    }
    default:
      if (isByItself(name)) return
      if (isGuard(name)) close('what may guard has no counterpart here')
      else leave('has no counterpart here')
  }
}

// --- internal ---

function applyRequire(route: ImportedRoute, args: readonly string[], close: (why: string) => void): void {
  const [kind = '', ...values] = args
  const { policies } = route
  const allow = (networks: readonly string[]): void => {
    policies.allow = [...((policies.allow as string[] | undefined) ?? []), ...networks.map(networkOf)]
  }
  if (/^ip$/i.test(kind)) allow(values)
  else if (/^local$/i.test(kind)) allow(['127.0.0.0/8', '::1'])
  else if (/^all denied$/i.test(args.join(' '))) closeRoute(route)
  else if (!/^(valid-user|all granted)$/i.test(args.join(' ')))
    close('clients are told apart by address, password and token here')
}

/** `10.1` is a network for Apache, and `10.0.0.0/255.0.0.0` as well. */
function networkOf(written: string): string {
  const [address = '', mask] = written.split('/')
  const parts = address.replace(/\.$/, '').split('.')
  if (mask?.includes('.')) {
    const bits = mask
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
    return /^1*0*$/.test(bits) ? `${address}/${bits.indexOf('0') === -1 ? 32 : bits.indexOf('0')}` : written
  }
  if (mask !== undefined || address.includes(':') || parts.length === 4) return written
  return `${[...parts, '0', '0', '0'].slice(0, 4).join('.')}/${parts.length * 8}`
}

function applyField(
  route: ImportedRoute,
  way: 'request' | 'response',
  [action = '', field = '', value = '']: readonly string[],
  leave: (why: string) => void,
): void {
  if (way === 'request' && /^(x-forwarded-(for|proto|host)|x-real-ip|x-request-id)$/i.test(field)) return
  if (/^unset$/i.test(action)) return removeField(route, way, field)
  if (/^set(ifempty)?$/i.test(action) && !value.includes('%') && !/^expr=/i.test(value))
    return setField(route, way, field, value)
  if (way === 'response') return leave('a field with variables is not known beforehand')
  removeField(route, way, field)
  leave('a field with variables is not known beforehand: it is taken off, so that no client can make it up')
}
