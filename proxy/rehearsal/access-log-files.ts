import { resolve } from 'node:path'
import type { LoadedConfig } from '../config/loaded.ts'

/** The files that exchanges are written to, absolute: the one of all routes, and those of single routes. */
export function accessLogFiles({ accessLog, routes, folder }: LoadedConfig): string[] {
  const names = [accessLog.file, ...routes.map((route) => route.accessLog)]
  const files = names.flatMap((name) =>
    typeof name === 'string' && name !== 'stdout' ? [resolve(folder, name)] : [],
  )
  return [...new Set(files)]
}
