import { statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { RequestHandler } from 'express'
import type { Extension, LoadedConfig, LoadedRoute } from '../config/loaded.ts'
import { GatehouseError } from '../errors.ts'
import type { Upstreams } from '../upstreams/upstreams.ts'
import type { Destination, Route } from './match/route.ts'
import { mountMiddleware } from './middleware.ts'
import type { LimitStore } from './policies/context.ts'
import { buildPolicies } from './policies/index.ts'
import type { Policy } from './policies/policy.ts'
import { createRedirect } from './respond/redirect.ts'

/** What building routes needs besides the configuration. */
export interface BuildContext {
  readonly config: LoadedConfig
  readonly upstreams: Upstreams
  readonly limits: LimitStore
  readonly env: NodeJS.ProcessEnv
  onBackgroundError(message: string): void
}

/**
 * Works out everything about a route that does not depend on a request. An extension that is broken closes
 * this route and no other. Throws for options that cannot work, such as a key that is too short.
 */
export function buildRoute(route: LoadedRoute, context: BuildContext): Route {
  try {
    return assemble(route, context, policiesOf(route, context), destinationOf(route, context))
  } catch (error) {
    if (!(error instanceof GatehouseError && error.code === 'extension_broken')) throw error
    context.onBackgroundError(`route ${route.name} is closed: ${error.message}`)
    return assemble({ ...route, middleware: [] }, context, [], { kind: 'closed', reason: error.message })
  }
}

function assemble(
  route: LoadedRoute,
  context: BuildContext,
  policies: readonly Policy[],
  destination: Destination,
): Route {
  const limits = policies.flatMap(({ name, mode, bodyLimit: limit }) =>
    limit === undefined ? [] : [{ policy: name, mode, limit }],
  )
  const bodyLimits = limits.filter(({ mode }) => mode === 'enforce').map(({ limit }) => limit)
  return {
    name: route.name,
    rule: `${basename(context.config.file)}:${route.line}`,
    config: route,
    hosts: route.match.host ?? [undefined],
    listeners: new Set(route.listeners),
    methods: route.match.methods && new Set(route.match.methods),
    destination,
    policies: policies.filter((policy) => policy.decide !== undefined),
    bodyLimit: Math.min(Number.POSITIVE_INFINITY, ...bodyLimits),
    watchedBody: limits.filter(({ mode }) => mode === 'observe').sort((a, b) => a.limit - b.limit)[0],
    fixedHeaders: policies.flatMap((policy) => policy.fixedHeaders ?? []),
    requestEditors: policies.filter((policy) => policy.editRequest !== undefined),
    responseEditors: policies.filter((policy) => policy.editResponse !== undefined),
    encoders: policies.filter((policy) => policy.encodeBody !== undefined),
    middleware:
      route.middleware.length === 0
        ? undefined
        : mountMiddleware(route.middleware.map(({ use, options }) => handlerOf(context, use, options))),
  }
}

function policiesOf(route: LoadedRoute, context: BuildContext): Policy[] {
  const { config, limits, env, onBackgroundError } = context
  const paths = route.match.path
  return buildPolicies(
    route.policies,
    {
      route: route.name,
      paths,
      paramNames: paths.flatMap((path) =>
        [...path.matchAll(/\/:([^/]+)/g)].map((found) => found[1] as string),
      ),
      folder: config.folder,
      env,
      limits,
      policies: route.policies,
      hasMiddleware: route.middleware.length > 0,
      onBackgroundError,
    },
    config.loadedExtensions,
  )
}

function destinationOf(route: LoadedRoute, { config, upstreams }: BuildContext): Destination {
  if (route.files !== undefined) {
    const root = resolve(config.folder, route.files.root)
    const isFile = route.match.exact && statSync(root, { throwIfNoEntry: false })?.isFile()
    return isFile
      ? { kind: 'files', root: dirname(root), index: basename(root), spa: false, only: true }
      : { kind: 'files', ...route.files, root }
  }
  if (route.redirect !== undefined)
    return {
      kind: 'redirect',
      status: route.redirect.status,
      locate: createRedirect(route.redirect.location),
    }
  const to = route.to as string
  const [name, param] = to.split('/:')
  const upstream = upstreams.get(to) ?? upstreams.get(name as string)
  if (upstream === undefined) throw new Error(`there is no upstream ${to} in ${config.file}`)
  return { kind: 'upstream', upstream, keyParam: param }
}

function handlerOf(context: BuildContext, name: string, options: unknown): RequestHandler {
  const extension = context.config.loadedExtensions.get(name) as Extension
  if ('broken' in extension)
    throw new GatehouseError('extension_broken', `extension ${name} failed to load: ${extension.broken}`)
  try {
    return extension.create(options) as RequestHandler
  } catch (error) {
    throw new GatehouseError('extension_broken', `extension ${name} cannot be created: ${String(error)}`, {
      cause: error,
    })
  }
}
