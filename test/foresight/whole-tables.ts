import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { selfSigned } from '../harness/certificate.ts'

/**
 * Good tables that hold every key there is, an entry a line, for those who spoil them. A key of the schema that is in
 * none of them is told by the test of broken tables: add it here.
 */
export const wholeTables: readonly string[] = [
  `listeners:
  http:
    port: 8080
    address: 0.0.0.0
    redirect: https
    acmeWebroot: acme
  https:
    port: 8443
    publicPort: 443
    proxyProtocol: true
    clientCertificates:
      ca: ca.pem
      require: false
  lan:
    port: 8000
    address: 127.0.0.1
    tls: false
tls:
  certificates:
    - cert: cert.pem
      key: key.pem
  automatic:
    email: ops@shop.example
    directory: https://acme.example/directory
    ca: ca.pem
    hosts:
      - www.shop.example
      - "*.shop.example"
    challenge: http-01
    dns:
      hook: ./hook
    onDemand:
      hosts:
        - "*.desk.example"
      ask: http://127.0.0.1:3000/allowed
      perMinute: 5
      most: 100
    renewBefore: 30d
    storage: data/acme
  minVersion: TLSv1.3
trustedProxies:
  - 10.0.0.0/8
upstreams:
  shop:
    targets:
      - url: https://127.0.0.1:3000
        weight: 2
      - https://127.0.0.1:3001
    health:
      path: /health
      status:
        - 200
        - 204
      body: well
      interval: 10s
      timeout: 1s
      failures: 3
    balance: leastConnections
    slowStart: 30s
    sticky:
      key: env:DESK_KEY
      cookie: shop_target
      ttl: 1h
    retryBudget: 0.1
    connections: 64
    queue: 32
    connectTimeout: 2s
    tls:
      ca: ca.pem
      servername: shop.internal
      insecureSkipVerify: false
  desk:
    leased: true
    keyed: true
    health: /health
    networks:
      - 10.0.0.0/8
    sockets:
      - data/sockets
extensions:
  stamp: ./stamp.ts
  count: ./count.ts
defaults:
  policies:
    securityHeaders:
      contentSecurityPolicy:
        default-src:
          - "'self'"
      frame: deny
      hsts:
        maxAge: 365d
        includeSubDomains: true
        preload: false
      crossOrigin: isolate
      permissionsPolicy:
        camera:
          - self
      override: false
      mode: enforce
limits:
  headerSize: 16KB
  headerCount: 50
  headTimeout: 10s
  keepAlive: 30s
  streams: 50
  connectionsPerClient: 100
  exchanges: 1000
  tunnels: 1000
  delay: 2s
  memory: 1GB
  stall: 20s
  drain: 5m
  stop: 20s
accessLog:
  file: data/logs/access.log
  format: json
  query: false
admin:
  address: 127.0.0.1
  port: 9902
  socket: data/admin.sock
redis:
  address: 127.0.0.1:6379
  username: gatehouse
  password: env:DESK_KEY
  tls:
    ca: ca.pem
    servername: redis.internal
  database: 1
  prefix: "edge:"
  localShare: 0.5
tracing:
  endpoint: http://127.0.0.1:4318/v1/traces
  headers:
    Authorization: env:DESK_KEY
  service: edge
  sample: 0.5
  continue: everybody
workers: 2
routes:
  - name: shop
    match:
      host: shop.example
      path:
        - /api
        - /cart
      methods:
        - GET
        - POST
    listeners:
      - https
      - lan
    policies:
      maintenance:
        on: false
        allow:
          - 10.0.0.0/8
        retryAfter: 10m
        message: Back at noon
        mode: enforce
      deny:
        networks:
          - 192.168.66.0/24
        mode: observe
      allow:
        - 192.168.1.0/24
        - 127.0.0.1
      cors:
        origins:
          - https://app.example
        methods:
          - GET
        headers:
          - X-Team
        expose:
          - X-Count
        credentials: true
        maxAge: 5m
        mode: enforce
      methods:
        - GET
        - POST
      rateLimit:
        limit: 100
        per: 1m
        by: header:X-Team
        mode: observe
      maxBody:
        size: 10MB
        mode: enforce
      forwardAuth:
        url: http://127.0.0.1:9091/verify
        requestHeaders:
          - cookie
        responseHeaders:
          - Remote-User
        timeout: 2s
        mode: enforce
      headers:
        request:
          set:
            X-Team: blue
          add:
            X-More: one
          remove:
            - X-Less
        response:
          set:
            X-Served: here
          add:
            Link: none
          remove:
            - Server
        mode: enforce
      cache:
        rules:
          - path: /api
            extensions:
              - css
            maxAge: 1h
            immutable: true
            visibility: private
        override: true
        mode: enforce
      compress:
        codings:
          - gzip
        minSize: 2KB
        mode: enforce
      stamp:
        ink: blue
    middleware:
      - use: count
        options:
          up: 1
    to: shop
    timeouts:
      response: 90s
      idle: 1h
    minUploadRate: 1KB
    accessLog: data/logs/shop.log
  - name: desk
    match:
      path: /desk/:key
    policies:
      allow:
        networks:
          - 10.0.0.0/8
        mode: observe
      methods:
        allow:
          - GET
        mode: observe
      maxBody: 1MB
      jwt:
        key: env:DESK_KEY
        algorithms:
          - HS256
        issuer: desks
        audience: desk
        require:
          desk: ":key"
        cookie: desk_session
        subprotocol: true
        clockTolerance: 10s
        revoked: revoked
        login: /login
        mode: enforce
      basicAuth:
        users: users
        realm: Desks
        mode: enforce
      compress: false
    to: desk/:key
    forward:
      prefix: strip
      host: target
    accessLog: false
  - name: key-set
    match:
      path: /keys
    policies:
      maintenance: false
      jwt:
        jwks: https://auth.example/keys
      securityHeaders: true
    to: shop
    forward:
      prefix: /v2
      host: shop.internal
  - name: pages
    files:
      root: pages
      spa: true
      index: start.html
  - name: old
    match:
      path: /old
      exact: true
    redirect:
      location: /new{path}
      status: 301
  - name: older
    match:
      path: /older
    redirect: https://shop.example{path}
`,
  withRedis(`
  sentinels:
    name: gatehouse
    addresses:
      - 10.0.0.5:26379
      - 10.0.0.6:26379
    password: env:DESK_KEY
  tls: true
  localShare: auto`),
  withRedis(`
  cluster:
    - 10.0.0.5:6379
    - "[::1]:6379"`),
]

function withRedis(redis: string): string {
  return `listeners:
  http:
    port: 8080
redis:${redis}
routes:
  - name: pages
    files: pages
`
}

/** Names that the tables make up: another one may be as good, and what mentions it is then wrong elsewhere. */
export const freeNames: ReadonlySet<string> = new Set([
  ...['http', 'https', 'lan', 'shop', 'desk', 'stamp', 'count', 'camera', 'ink', 'up'],
  ...['Link', 'Authorization', 'X-Team', 'X-More', 'X-Served', 'default-src'],
])

export const wholeEnvironment = { DESK_KEY: 'a key of forty-two bytes for signing tokens.' }

/** Puts into the folder what the tables name. */
export async function layFiles(folder: string): Promise<void> {
  const { cert, key } = await selfSigned(['shop.example'], { authority: true })
  await mkdir(join(folder, 'pages'))
  for (const [name, text] of Object.entries({
    'cert.pem': cert,
    'key.pem': key,
    'ca.pem': cert,
    users: 'ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n',
    'stamp.ts': "export default { kind: 'policy', create: () => ({ decide: () => ({ verdict: 'pass' }) }) }",
    'count.ts': "export default { kind: 'middleware', create: () => (request, response, next) => next() }",
  }))
    await writeFile(join(folder, name), text)
  await writeFile(join(folder, 'hook'), '#!/bin/sh\n', { mode: 0o755 })
}
