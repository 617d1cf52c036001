/**
 * Which file may import which: the architecture as a rule that `make check` holds.
 */

/** From the ground up. A file imports from its own floor and from those below it. */
const floors = [
  ['errors.ts', 'address.ts', 'extension.ts', 'observability/', 'config/', 'upstreams/', 'tls/'],
  ['request/'],
  ['admin/', 'cli/'],
  ['cluster/'],
  ['gatehouse.ts', 'index.ts', 'main.ts'],
]

/** The one file of proxy/ that may import each engine, so that replacing one is the change of one file. */
const engines = {
  '@fastify/send': 'request/respond/files.ts',
  '@node-rs/bcrypt': 'request/policies/basic-auth.ts',
  'apache-md5': 'request/policies/basic-auth.ts',
  chokidar: 'config/watch.ts',
  commander: 'main.ts',
  express: ['admin/server.ts', 'request/middleware.ts'],
  'express-rate-limit': 'request/policies/rate-limit.ts',
  'fastest-levenshtein': 'config/mend.ts',
  helmet: ['admin/server.ts', 'request/policies/security-headers.ts'],
  'http-proxy': 'request/relay/proxy-engine.ts',
  'ipaddr.js': 'address.ts',
  jose: 'request/policies/jwt.ts',
  negotiator: 'request/respond/error-page.ts',
  'prom-client': 'observability/metrics.ts',
  selfsigned: 'tls/self-signed.ts',
  undici: 'request/relay/connection-pool.ts',
  winston: 'observability/logger.ts',
  yaml: 'config/load.ts',
  zod: ['config/schema.ts', 'config/policy-schemas.ts', 'config/units.ts'],
}

/** Climbs that are meant, each with its reason. */
const stairs = []

const tests = '\\.test\\.ts$'
const inProxy = (paths) => `^proxy/(${paths.map(escape).join('|')})`

const floorRules = floors.slice(0, -1).map((floor, height) => ({
  name: `floor-${height}-climbs`,
  comment: `${floor.join(', ')} know nothing of the floors above them.`,
  severity: 'error',
  from: { path: inProxy(floor), pathNot: [tests, ...stairs.map((stair) => `^${escape(stair.from)}$`)] },
  to: { path: inProxy(floors.slice(height + 1).flat()) },
}))

const stairRules = stairs.map((stair) => ({
  name: 'stair-leads-elsewhere',
  comment: stair.reason,
  severity: 'error',
  from: { path: `^${escape(stair.from)}$` },
  to: {
    path: inProxy(floors.slice(floorOf(stair.from) + 1).flat()),
    pathNot: stair.to.map((path) => `^${escape(path)}`),
  },
}))

const engineRules = Object.entries(engines).map(([engine, importers]) => ({
  name: `one-importer-of-${engine}`,
  comment: `In proxy/ only ${[importers].flat().join(', ')} may import ${engine}.`,
  severity: 'error',
  from: { path: '^proxy/', pathNot: [tests, ...[importers].flat().map((path) => `^proxy/${escape(path)}$`)] },
  to: { path: `^node_modules/(@types/)?${escape(engine)}/` },
}))

export default {
  forbidden: [
    ...floorRules,
    ...stairRules,
    ...engineRules,
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
    exclude: { path: '(^|/)(public|dist)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['node', 'import', 'types'] },
  },
}

function floorOf(path) {
  return floors.findIndex((floor) => floor.some((entry) => path.startsWith(`proxy/${entry}`)))
}

function escape(text) {
  return text.replace(/[.$^*+?()[\]{}|\\/]/g, '\\$&')
}
