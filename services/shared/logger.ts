import winston from 'winston'
import { servedRequest } from './served-request.ts'

/**
 * What a service has to say: JSON lines on standard error, or short lines where a person reads along. A message is a
 * sentence that stays the same, what changes goes to `fields`. Fields whose names are those of secrets are hidden. What is
 * said while a request is served names it, by the request id of the proxy and its trace.
 */
export interface Logger {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

export type Fields = Readonly<Record<string, unknown>>

export interface LoggerOptions {
  readonly service: string
  /** Default: standard error. */
  readonly stream?: NodeJS.WritableStream
  /** Short lines for a person instead of JSON. Default: whether a person reads along. */
  readonly readable?: boolean
  /** The least that is said. Default: LOG_LEVEL, or `info`. */
  readonly level?: string
}

export function createLogger({ service, stream = process.stderr, ...options }: LoggerOptions): Logger {
  const readable = options.readable ?? (stream as NodeJS.WriteStream).isTTY === true
  // Whoever read along may go away.
  stream.on('error', () => {})
  const engine = winston.createLogger({
    level: levels.find((level) => level === (options.level ?? process.env.LOG_LEVEL)) ?? 'info',
    format: winston.format.printf(({ level, message, fields }) => {
      const hidden = hideSecrets((fields as Fields | undefined) ?? {})
      const text = String(message)
      if (!readable)
        return JSON.stringify({ ts: new Date().toISOString(), level, service, message: text, ...hidden })
      const rest = Object.entries(hidden).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
      return `${new Date().toTimeString().slice(0, 8)} ${level.padEnd(5)} ${service}: ${text}${rest.join('')}`
    }),
    transports: [new winston.transports.Stream({ stream })],
    exitOnError: false,
  })
  // The request comes last: fail2ban finds an address by what stands in front of it.
  const say = (level: string) => (message: string, fields?: Fields) =>
    void engine.log({ level, message, fields: { ...fields, ...servedRequest() } })
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}

// --- internal ---

const levels = ['debug', 'info', 'warn', 'error'] as const

const secretName = /pass|secret|token|authorization|cookie|api.?key/i

function hideSecrets(fields: Fields): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue
    if (secretName.test(name)) shown[name] = '[hidden]'
    else shown[name] = value instanceof Error ? (value.stack ?? value.message) : value
  }
  return shown
}
