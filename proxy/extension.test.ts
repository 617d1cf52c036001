import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { RequestHandler } from 'express'
import { z } from 'zod'
import { tempFolder } from '../test/harness/temp-folder.ts'
import { loadConfig } from './config/load.ts'
import { defineMiddleware, definePolicy } from './extension.ts'

test('create is given what its schema made of the options', () => {
  const policy = definePolicy({
    options: z.strictObject({ limit: z.string().transform(Number) }),
    create: ({ limit }) => ({ bodyLimit: limit }),
  })
  assert.equal(policy.kind, 'policy')
  assert.deepEqual(policy.create(policy.options?.parse({ limit: '12' }) ?? { limit: 0 }), { bodyLimit: 12 })
})

test('a handler typed by Express is middleware', () => {
  const stamp: RequestHandler = (_request, _response, next) => next()
  const middleware = defineMiddleware({ create: () => stamp })
  assert.equal(middleware.kind, 'middleware')
  assert.equal(middleware.create(undefined), stamp)
})

test('a file that uses both functions loads', async (t) => {
  const folder = await tempFolder(t)
  const helper = JSON.stringify(new URL('./extension.ts', import.meta.url).href)
  const zod = JSON.stringify(import.meta.resolve('zod'))
  writeFileSync(
    `${folder}/quota.ts`,
    `import { z } from ${zod}
import { definePolicy } from ${helper}
export default definePolicy({
  options: z.strictObject({ bytes: z.int().default(5) }),
  create: ({ bytes }: { bytes: number }) => ({ bodyLimit: bytes }),
})`,
  )
  const text = `listeners: { https: { port: 0 } }
extensions: { quota: quota.ts }
routes: [{ name: r, policies: { quota: true }, files: . }]
`
  const result = await loadConfig({ file: `${folder}/routes.yaml`, text })
  assert.ok(result.ok)
  const extension = result.config.loadedExtensions.get('quota')
  const use = result.config.routes[0]?.policies.extensions[0]
  assert.ok(extension && 'create' in extension)
  assert.deepEqual(extension.create(use?.options), { bodyLimit: 5 })
})
