import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { loadConfig } from './load.ts'

const rows: readonly (readonly [sentence: string, routes: readonly string[], warning: RegExp | undefined])[] =
  [
    [
      'a catch-all route',
      ['name: all, listeners: [http], files: site'],
      /^is never looked into: the route all on/,
    ],
    [
      'one of a host',
      ['name: shop, listeners: [http, https], match: { host: shop.example }, files: site'],
      /^is never looked into for shop\.example: the route shop on/,
    ],
    ['parameters', ['name: any, listeners: [http], match: { path: "/:a/:b" }, files: site'], /route any/],
    ['a catch-all of the other listener', ['name: all, listeners: [https], files: site'], undefined],
    [
      'a catch-all of uploads',
      ['name: up, listeners: [http], match: { methods: [POST] }, files: site'],
      undefined,
    ],
    [
      'the start page',
      ['name: start, listeners: [http], match: { path: /, exact: true }, files: site'],
      undefined,
    ],
    [
      'another part',
      ['name: other, listeners: [http], match: { path: /.well-known/x }, files: site'],
      undefined,
    ],
    [
      'a route of its own',
      [
        'name: all, listeners: [http], files: site',
        'name: own, listeners: [http], match: { path: /.well-known/acme-challenge }, files: site',
      ],
      undefined,
    ],
  ]

for (const [sentence, routes, warning] of rows)
  test(`challenges for certbot are ${warning ? 'hidden' : 'seen'} beside ${sentence}`, async (t) => {
    const folder = await tempFolder(t)
    mkdirSync(`${folder}/site`)
    const text = `listeners: { http: { port: 80, acmeWebroot: acme }, https: { port: 443 } }
routes:
${routes.map((route) => `  - { ${route} }`).join('\n')}
`
    const loaded = await loadConfig({ file: `${folder}/routes.yaml`, text })
    assert.ok(loaded.ok)
    const told = loaded.warnings.filter(({ path }) => path === 'listeners.http.acmeWebroot')
    if (warning === undefined) assert.deepEqual(told, [])
    else assert.match(told[0]?.message ?? '', warning)
  })
