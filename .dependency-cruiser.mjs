/**
 * Which file may import which: the architecture as a rule that `make check` holds.
 */

/** From the ground up. A file imports from its own floor and from those below it. */
const floors = [
  ['errors.ts', 'address.ts', 'observability/', 'config/', 'upstreams/', 'tls/'],
  ['request/'],
  ['gatehouse.ts', 'extension.ts'],
  ['rehearsal/', 'import/'],
  ['admin/', 'fleet/'],
  ['cluster/'],
  ['cli/'],
  ['embed.ts', 'index.ts', 'main.ts'],
]

/** The one place of proxy/ that may import each engine, so that replacing it is the change of one file. */
const engines = {
  'acme-client': ['tls/acme/authority.ts'],
  '@fastify/send': ['request/respond/files.ts'],
  '@node-rs/bcrypt': ['request/policies/password-hash.ts'],
  'apache-md5': ['request/policies/apr1.ts'],
  chokidar: ['tls/watch-files.ts'],
  // The commands, and what completes them.
  commander: ['main.ts', 'cli/completion.ts'],
  // The admin listener's app, the router of every path, and the one runner of users' middleware.
  express: ['admin/server.ts', 'request/build-route.ts', 'request/middleware.ts'],
  'express-rate-limit': ['request/policies/rate-limit.ts'],
  'fastest-levenshtein': ['config/mend.ts'],
  helmet: ['admin/server.ts', 'request/policies/security-headers.ts'],
  'http-proxy': ['request/relay/proxy-engine.ts'],
  'ipaddr.js': ['address.ts'],
  ioredis: ['fleet/redis.ts'],
  jose: ['request/policies/token-engine.ts'],
  negotiator: ['request/policies/compress.ts'],
  'prom-client': ['observability/metrics.ts'],
  // The dashboard.
  react: ['admin/page/'],
  'react-dom': ['admin/page/'],
  selfsigned: ['tls/self-signed.ts'],
  winston: ['observability/logger.ts'],
  yaml: ['config/source.ts', 'config/unclosed.ts', 'import/imported.ts', 'import/traefik-syntax.ts'],
  // The language of the schemas, here and in users' extensions.
  zod: ['config/', 'extension.ts'],
}

const tests = '\\.test\\.ts$'
const inProxy = (paths) => `^proxy/(${paths.map(escape).join('|')})`

const floorRules = floors.slice(0, -1).map((floor, height) => ({
  name: `floor-${height}-climbs`,
  comment: `${floor.join(', ')} know nothing of the floors above them.`,
  severity: 'error',
  from: { path: inProxy(floor), pathNot: tests },
  to: { path: inProxy(floors.slice(height + 1).flat()) },
}))

const engineRules = Object.entries(engines).map(([engine, importers]) => ({
  name: `one-importer-of-${engine}`,
  comment: `In proxy/ only ${importers.join(', ')} may import ${engine}.`,
  severity: 'error',
  from: { path: '^proxy/', pathNot: [tests, inProxy(importers)] },
  to: { path: `^node_modules/(@types/)?${escape(engine)}/` },
}))

export default {
  forbidden: [
    ...floorRules,
    ...engineRules,
    {
      name: 'engine-without-a-place',
      comment: 'A package that proxy/ uses stands in the table above.',
      severity: 'error',
      from: { path: '^proxy/', pathNot: tests },
      to: {
        path: '^node_modules/',
        pathNot: `^node_modules/(@types/)?(${Object.keys(engines).map(escape).join('|')})/`,
      },
    },
    {
      name: 'circle',
      comment: 'A circle, of types too, has no order in which to read it.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'request-loads-config',
      comment: 'A request reads the table that was built, never the file.',
      severity: 'error',
      from: { path: '^proxy/request/', pathNot: tests },
      to: { path: '^proxy/config/load\\.ts$' },
    },
    {
      name: 'services-stand-alone',
      comment: 'Services use the announce client of services/shared/, as services in other languages would.',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^proxy/' },
    },
    {
      name: 'proxy-stands-alone',
      comment: 'The proxy knows no service.',
      severity: 'error',
      from: { path: '^proxy/' },
      to: { path: '^services/' },
    },
    {
      name: 'service-imports-service',
      comment: 'A service uses services/shared/ and itself.',
      severity: 'error',
      from: { path: '^services/(?!shared/)([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/(shared|$1)/' },
    },
    {
      name: 'code-imports-test',
      comment: 'What runs does not stand on tests.',
      severity: 'error',
      from: { path: '^(proxy|services)/', pathNot: tests },
      to: { path: [tests, '^test/'] },
    },
    {
      name: 'undeclared-package',
      comment: 'A package that is used is named in package.json; one that runs is no devDependency.',
      severity: 'error',
      from: { path: '^(proxy|services)/', pathNot: tests },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'not-found',
      comment: 'What is imported is there.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Of ours alone: packages that keep their code in dist/ are engines like others.
    exclude: { path: '^(dist|(proxy|services|test)/.+/(public|dist))/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'import', 'types'] },
  },
}

function escape(text) {
  return text.replace(/[.$^*+?()[\]{}|\\/]/g, '\\$&')
}
