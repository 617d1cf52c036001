import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Command } from '../machine/child.ts'
import type { Contender, ContenderName, Place, Setup } from './contender.ts'

/** The proxies that people put together on Node: each is a small server in `node/`, on the Node of this project. */

export const bareHttpProxy = nodeServer('http-proxy', 'http-proxy', 'http-proxy-legacy')
export const fastify = nodeServer('fastify', '@fastify/http-proxy', '@fastify/http-proxy')
export const middleware = nodeServer('middleware', 'http-proxy-middleware', 'http-proxy-middleware')

function nodeServer(name: ContenderName & string, title: string, packageName: string): Contender {
  return {
    name,
    title,
    version: () => `${title} ${versionOf(packageName)}`,
    launch: ({ upstream }: Setup, { folder, port }: Place): Command => ({
      file: process.execPath,
      args: [fileURLToPath(new URL(`./node/${name}.ts`, import.meta.url)), String(port), String(upstream)],
      cwd: folder,
      env: { NODE_ENV: 'production' },
    }),
  }
}

function versionOf(packageName: string): string {
  const root = fileURLToPath(new URL('../../../node_modules/', import.meta.url))
  const file = createRequire(import.meta.url).resolve(`${root}${packageName}/package.json`)
  return JSON.parse(readFileSync(file, 'utf8')).version
}
