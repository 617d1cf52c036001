/**
 * Fills `${NAME}` and `${NAME:-default}` from the environment; `$${` stands for a plain `${`.
 *
 * It works on one scalar after the file was parsed, so a value of the environment is always a value and can
 * never become a key, a list or a second route. A scalar that is one placeholder and nothing else becomes a
 * number or a boolean where it reads as one, so that `port: "${PORT:-8443}"` is a port.
 *
 * The problem names the variable and never tells a value: values are secrets as often as not.
 */
export function interpolate(text: string, env: Readonly<Record<string, string | undefined>>): Interpolated {
  let fault: { problem: string; mend: string } | undefined
  const filled = text.replace(placeholder, (found, inside: string | undefined) => {
    if (found === '$${') return '${'
    const parts = inside === undefined ? null : variable.exec(inside)
    if (parts === null) {
      fault ??= {
        problem: `holds "${found}", which is no \${NAME}`,
        mend: `write \${NAME}, \${NAME:-default}, or $\${ for a plain \${`,
      }
      return ''
    }
    const [, name = '', fallback] = parts
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
    if (value !== undefined) return value
    fault ??= {
      problem: `needs the environment variable ${name}, which is not set`,
      mend: `set it, or write "\${${name}:-default}"`,
    }
    return ''
  })
  if (fault) return fault
  return { value: isOnePlaceholder.test(text) ? readScalar(filled) : filled }
}

export type Interpolated =
  | { readonly value: string | number | boolean }
  | { readonly problem: string; readonly mend: string }

/** Whether the text would be changed by `interpolate`. */
export function isInterpolated(text: string): boolean {
  return text.includes('${')
}

const placeholder = /\$\$\{|\$\{([^{}]*)\}|\$\{/g
const variable = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s
const isOnePlaceholder = /^\$\{[^{}]*\}$/

function readScalar(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?(0|[1-9]\d{0,14})(\.\d{1,9})?$/.test(text) ? Number(text) : text
}
