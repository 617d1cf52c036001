/** What has to be there before the commands of a document can be run as they stand, and what they then show. */
export interface Scene {
  /** Parts of test/setup/debian-packages.txt beside curl. */
  readonly needs?: readonly string[]
  /** In a network of its own, where it may load rules, and with a file system of which it may cover parts. Takes `netns`. */
  readonly enclosed?: true
  /** Commands before the first one, run as those of the document are. */
  readonly before?: readonly string[]
  /** Commands before the first one under that heading: what the section is about happens. */
  readonly under?: Readonly<Record<string, readonly string[]>>
  /** Its commands change nothing, so that one that was run speaks for all that are the same. */
  readonly looks?: true
  /** What a reader is promised to see, in this order. */
  readonly shows?: readonly (readonly [command: RegExp, output: RegExp])[]
}

/** A table of one machine that has had a bad day, written down for the runbook. */
const badDay = `cat > routes.yaml <<'EOF'
listeners: { http: { port: 8080, address: 127.0.0.1 }, https: { port: 8443, address: 127.0.0.1 } }
admin: { port: 9901 }
workers: 1
redis: { address: "127.0.0.1:3002" }
tls: { certificates: [{ cert: certs/old.pem, key: certs/old.key }] }
upstreams:
  shop: { targets: ["http://127.0.0.1:3000", "http://127.0.0.1:3001"], health: { path: /, interval: 500ms } }
  cart: { leased: true }
  visits: { leased: true }
routes:
  - { name: shop, match: { path: /shop }, listeners: [http], to: shop, policies: { rateLimit: { limit: 3, per: 1h } } }
  - { name: cart, match: { path: /cart }, listeners: [http], to: cart }
EOF
cat > routes.test.yaml <<'EOF'
tests:
  - { name: the shop is found, request: GET http://localhost:8080/shop, expect: { route: shop } }
EOF`

const atWork = [
  "cat > app.mjs <<'EOF'\nimport { createServer } from 'node:http'\ncreateServer((_, answer) => answer.end('well')).listen(3000, '127.0.0.1')\nEOF",
  'node app.mjs',
]

export const scenes: Readonly<Record<string, Scene>> = {
  'docs/tutorial.md': {
    shows: [
      [/check/, /is good: 1 route/],
      [/curl -k https/, /Hello nobody from 127\.0\.0\.1, you asked for \/basket/],
      [/hash alice/, /alice added/],
      [/curl -k https/, /401|sign in/i],
      [/curl .*--user/, /Hello alice/],
      [/explain .*203/, /403 address_denied by allow/],
      [/explain .*192/, /401 credentials_required by basicAuth/],
      [/gatehouse why/, /200 passed to/],
      [/gatehouse test/, /2 passed, 0 failed/],
      [/curl .*--user/, /Hello alice/],
      [/observed/, /would have been refused/],
    ],
  },

  'docs/runbook.md': {
    needs: ['openssl'],
    looks: true,
    before: [
      // A certificate of yesterday, one of two targets, a Redis that nobody started, and a client who comes too often.
      "mkdir -p certs && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' -keyout certs/old.key -out certs/old.pem 2>/dev/null",
      badDay,
      ...atWork,
      './gatehouse serve',
      'TOKEN=$(./gatehouse token --upstream cart); cart=http://127.0.0.1:9901/v1/upstreams/cart/targets/one',
      `curl -sf -X PUT -H "Authorization: Bearer $TOKEN" -d '{"url":"http://127.0.0.1:3000","ttl":"30s"}' $cart`,
      'curl -s -X DELETE -H "Authorization: Bearer $TOKEN" $cart',
      'for i in 1 2 3 4 5; do curl -s http://localhost:8080/shop; done; curl -s http://localhost:8080/cart',
      // The access log is written in batches, and checks come twice a second.
      'until grep -q upstream_away data/logs/*.log; do sleep 0.1; done; until curl -s http://127.0.0.1:9901/readyz | grep -q Redis; do sleep 0.1; done',
    ],
    under: {
      GatehouseConfigRefused: ["echo 'nonsense: 1' >> routes.yaml"],
      GatehouseLogUnwritten: ["sed -i '/nonsense/d' routes.yaml"],
      GatehouseServiceSilent: ['METRICS_PORT=9911 npm run service:visits'],
    },
    shows: [
      [/readyz/, /Redis/],
      [/upstreams/, /^shop .* failing .*ECONNREFUSED[\s\S]*^cart +away .*nothing has announced itself$/m],
      [/certs/, /localhost/],
      [/why --refused/, /rate_limited/],
      [/healthz/, /ok/],
      [/pgrep/, /serve/],
      [/check/, /can be served/],
      [/grep -o '"error"/, /1 "error":"upstream_away"/],
      [/grep '"status":5'/, /"status":503/],
      [/audit\.log/, /cart/],
      [/data\/logs/, /"duration":/],
      [
        /event_loop_delay_seconds/,
        /^gatehouse_exchanges_in_flight.*$[\s\S]*^gatehouse_event_loop_delay_seconds/m,
      ],
      [/certs --json/, /"sans"|localhost/],
      [/tls_\(orders\|cert\)/, /gatehouse_tls_cert_not_after_timestamp_seconds/],
      [/overload/, /gatehouse_exchanges_in_flight/],
      [/gatehouse why/, /127\.0\.0\.1/],
      [/workers/, /"ready"/],
      [/top -b/, /load average/],
      [/check/, /"nonsense" is not a key/],
      [/df -h data\/logs/, /Use%/],
      [/du -xh/, /data\/logs/],
      [/redis_up/, /gatehouse_redis_up 0/],
      [/client_ip/, /"client_ip":"127\.0\.0\.1"/],
      [/User-Agent/, /curl/],
      [/gatehouse_clock/, /gatehouse_clock_timestamp_seconds/],
      [/9911\/metrics \| grep -c/, /^[1-9]\d+$/m],
      [/visits_store_up/, /^visits_store_up 1$/m],
    ],
  },

  'docs/firewall.md': {
    needs: ['nft'],
    enclosed: true,
    shows: [
      [/list table/, /chain [\s\S]*443/],
      [/list set/, /203\.0\.113\.0\/24 timeout 1h/],
    ],
  },

  'deploy/README.md': {
    needs: ['netns'],
    enclosed: true,
    before: ['mkdir backups && mount --bind backups /var/backups', 'make run', 'kill $! && wait $! || true'],
    shows: [[/backup\/backup/, /^\/var\/backups\/gatehouse-/m]],
  },

  'deploy/kubernetes/README.md': {
    needs: ['openssl'],
    enclosed: true,
    under: {
      'Announce from a pod': [
        // A proxy of the cluster, with one upstream more, the pod that announces itself, and an end for its loop.
        'mkdir -p certs etc && mv keys/visits.key certs/ && mount -t tmpfs tmpfs /run && mkdir /run/secrets && rm routes.test.yaml',
        'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout certs/tls.key -out certs/tls.crt 2>/dev/null',
        "sed 's/^upstreams:/&\\n  photos: { leased: true, networks: [127.0.0.0\\/8] }/' deploy/kubernetes/base/routes.yaml > routes.yaml",
        "sed '1i 127.0.0.1 gatehouse-internal' /etc/hosts > etc/hosts && mount --bind etc/hosts /etc/hosts",
        'export REDIS_PASSWORD=none POD_NETWORK=127.0.0.0/8 POD_IP=127.0.0.1 POD_NAME=photos-1',
        './gatehouse serve',
        './gatehouse token --upstream photos > /run/secrets/token',
        'sleep() { command sleep 0.1; [ $((turns += 1)) -le 2 ]; }',
      ],
    },
    shows: [
      [/deploy\/secrets/, /registration\.key: new/],
      [/while sleep/, /"photos-1"/],
    ],
  },

  'deploy/desktop/README.md': {
    enclosed: true,
    // The chain that Docker makes for rules of its users.
    before: ['iptables -N DOCKER-USER'],
  },

  'services/visits/README.md': {
    needs: ['redis', 'fail2ban'],
    enclosed: true,
    before: [
      'mkdir etc && cp -a /etc/fail2ban etc/ && mount --bind etc/fail2ban /etc/fail2ban',
      'make run',
      'echo a-long-password > password.txt',
    ],
    shows: [
      [/api\/count/, /"visits": ?1/],
      [/visits:user -- alice/, /alice/],
    ],
  },

  'services/camera/README.md': {
    needs: ['ffprobe'],
    before: ['make run'],
    shows: [
      [/upload\/chunk/, /video_complete/],
      [/upload\/status/, /"missing":\[\]/],
      [/quality\/check/, /"quality_score"/],
      [/health/, /healthy/],
    ],
  },

  'services/photos/README.md': {
    before: [
      'make run',
      `node -e "require('sharp')({ create: { width: 64, height: 48, channels: 3, background: '#a86' } }).jpeg().toFile('old.jpg')"`,
    ],
    shows: [
      [/site\/health/, /"status"/],
      [/models/, /"restore"/],
      [/-F file=/, /processed/],
      [/history/, /"total":1/],
    ],
  },

  'services/hikvision/README.md': {
    before: [
      `node -e "require('sharp')({ create: { width: 64, height: 64, channels: 3, background: '#a86' } }).jpeg().toFile('ada.jpg')"`,
    ],
    shows: [
      [/export/, /^$/],
      [/devices\/1\/check/, /./],
      [/people\/1001 /, /"number":"1001","jobs":1/],
      [/face/, /"jobs":1/],
      [/jobs\?state/, /"jobs"/],
    ],
  },

  'services/desktops/README.md': {
    before: ['make run'],
    shows: [
      [/session/, /admin/],
      [/desktops$|desktops /, /debian-desktop/],
      [/admin\/users /, /alice/],
    ],
  },
}
