import winston from 'winston'
import { redact, redactText } from './redaction.ts'

/**
 * What the program has to say about itself: JSON lines on standard error, or short lines where a person reads
 * along. Requests go to the access log.
 *
 * A message is a sentence that stays the same, what changes goes to `fields`. Logging never throws, and known
 * secret fields are hidden.
 */
export interface Logger {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  /** The same, said in the name of a part of the program. */
  child(component: string): Logger
}

export type Level = 'debug' | 'info' | 'warn' | 'error'
type Fields = Readonly<Record<string, unknown>>

export interface LoggerOptions {
  stream: NodeJS.WritableStream
  /** Short lines for a person instead of JSON. */
  readable: boolean
  level: Level
}

export function createLogger({ stream, readable, level }: LoggerOptions): Logger {
  // The reader of a pipe may go away; that must not take the proxy with it.
  stream.on('error', ignore)
  const engine = winston.createLogger({
    level,
    format: winston.format.printf((info) => (readable ? readableLine(info) : jsonLine(info))),
    transports: [new winston.transports.Stream({ stream })],
    exitOnError: false,
  })
  engine.on('error', ignore)
  return loggerOf(engine, undefined)
}

export const logger: Logger = createLogger({
  stream: process.stderr,
  readable: process.stderr.isTTY === true,
  level: 'info',
})

// --- internal ---

function loggerOf(engine: winston.Logger, component: string | undefined): Logger {
  const say = (level: Level) => (message: string, fields?: Fields) => {
    try {
      engine.log({ level, message: redactText(message), component, fields: fields && redact(fields) })
    } catch {
      // There is nowhere left to say so.
    }
  }
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (name) => loggerOf(engine, name),
  }
}

/** Our own names come last, so that no field can pretend to be the level or the message. */
function jsonLine({ level, message, component, fields }: winston.Logform.TransformableInfo): string {
  const line = { ts: new Date().toISOString(), level, component, message }
  return JSON.stringify({ ...line, ...(fields as Fields | undefined), ...line })
}

function readableLine({ level, message, component, fields }: winston.Logform.TransformableInfo): string {
  const time = new Date().toTimeString().slice(0, 8)
  const from = component === undefined ? '' : ` ${String(component)}:`
  let line = `${time} ${level.padEnd(5)}${from} ${visible(String(message))}`
  let stacks = ''
  for (const [name, value] of Object.entries((fields as Fields | undefined) ?? {})) {
    const stack = (value as { stack?: unknown } | undefined)?.stack
    if (typeof stack === 'string') stacks += `\n  ${stack.split('\n').map(visible).join('\n  ')}`
    else if (value !== undefined) line += ` ${name}=${visible(shortText(value))}`
  }
  return line + stacks
}

function shortText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

/** What a client sent must not move the cursor, colour the terminal or begin a line. */
function visible(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function ignore(): void {}
