import type { PolicyName, PolicyOptions } from './policy-schemas.ts'
import type { Config, RouteConfig } from './schema.ts'

/** A configuration that has passed every check: what the route table is built from. Frozen. */
export interface LoadedConfig extends Omit<Config, 'routes' | 'defaults'> {
  /** Path of the file as the user named it, for messages. */
  readonly file: string
  /** Absolute folder of the file; relative paths in it start here. */
  readonly folder: string
  /** SHA-256 of its text, hex: an unchanged file is dropped before any work. */
  readonly sha256: string
  readonly routes: readonly LoadedRoute[]
  /** By name, loaded or broken. */
  readonly loadedExtensions: ReadonlyMap<string, Extension>
}

/** A route with its defaults merged in, its policies checked, and its place in the file. */
export interface LoadedRoute extends Omit<RouteConfig, 'policies'> {
  readonly line: number
  readonly policies: RoutePolicies
}

/** Options of the built-in policies by name. Those of extensions stand beside them, checked by their own schema. */
export type RoutePolicies = { readonly [Name in PolicyName]?: PolicyOptions<Name> } & {
  readonly extensions: readonly { name: string; options: unknown }[]
}

/** A file of the user's that defines a policy or Express middleware. A broken one closes only its own routes. */
export type Extension =
  | {
      readonly name: string
      readonly file: string
      readonly kind: 'policy' | 'middleware'
      readonly create: (options: unknown) => unknown
    }
  | { readonly name: string; readonly file: string; readonly broken: string }

/** One mistake in routes.yaml: where, what, and how to mend it. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning'
  readonly file: string
  /** Both count from 1. */
  readonly line: number
  readonly column: number
  /** `routes[2].policies.allow[1]` */
  readonly path: string
  readonly message: string
  /** What to write instead, if it is known. */
  readonly mend?: string
}
