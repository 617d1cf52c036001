import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OtherProxy } from './other-proxies.ts'

/** Configurations as owners of a photo service, a desktop host and a small site run them today. */
export interface Site {
  readonly title: string
  readonly of: OtherProxy | 'traefik'
  readonly host: string
  readonly text: string
  /** What is to be told as left out, by its beginning. */
  readonly leftOut: readonly string[]
}

const proxied = `proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`

const plainNginx: Site = {
  title: 'photos behind nginx, in the clear',
  of: 'nginx',
  host: 'gallery.test',
  leftOut: ['location /api', 'error_page'],
  text: `
upstream pictures { server localhost:8000; keepalive 16; }
upstream pages { server localhost:3000; }
server {
  listen 80;
  server_name gallery.test;
  client_max_body_size 10M;
  access_log /var/log/nginx/gallery.log;
  gzip on;
  gzip_min_length 1024;
  gzip_types application/json;
  add_header X-Frame-Options "SAMEORIGIN" always;
  add_header X-Content-Type-Options "nosniff" always;
  location /api {
    proxy_pass http://pictures;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection 'upgrade';
    ${proxied}
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_read_timeout 120s;
  }
  location /health { proxy_pass http://pictures/health; access_log off; }
  location /uploads {
    proxy_pass http://pictures/uploads;
    proxy_set_header Host $host;
    expires 1h;
    add_header Cache-Control "public";
  }
  location / {
    proxy_pass http://pages;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection 'upgrade';
    ${proxied}
    proxy_set_header X-Forwarded-Proto $scheme;
  }
  error_page 500 502 503 504 /50x.html;
  location = /50x.html { root /usr/share/nginx/html; }
}`,
}

const secureNginx: Site = {
  title: 'photos behind nginx, with certbot',
  of: 'nginx',
  host: 'gallery.test',
  leftOut: ['location /api', 'ssl_stapling'],
  text: `
server {
  listen 80;
  server_name gallery.test;
  location /.well-known/acme-challenge/ { root /var/www/certbot; }
  location / { return 301 https://$server_name$request_uri; }
}
server {
  listen 443 ssl http2;
  server_name gallery.test;
  ssl_certificate /etc/letsencrypt/live/gallery.test/fullchain.pem;
  ssl_certificate_key /etc/letsencrypt/live/gallery.test/privkey.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_stapling on;
  add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;
  location /api { proxy_pass http://localhost:8000; ${proxied} }
  location / {
    proxy_pass http://localhost:3000;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    include proxy_params;
  }
}`,
}

const smallSite: Site = {
  title: 'open and closed folders and a service on a socket, behind nginx',
  of: 'nginx',
  host: 'small.test',
  leftOut: [],
  text: `
server {
  listen 80 default_server;
  server_name small.test;
  if ($host = small.test) { return 301 https://$host$request_uri; }
  return 404;
}
server {
  listen 443 ssl;
  server_name small.test;
  ssl_certificate /etc/nginx/ssl/small.crt;
  ssl_certificate_key /etc/nginx/ssl/small.key;
  root /var/www/main;
  index index.html;
  location /open/ { alias /var/www/site1/; }
  location /close/ {
    alias /var/www/site2/;
    auth_basic "Restricted";
    auth_basic_user_file /etc/nginx/.htpasswd;
    allow 127.0.0.1;
    allow 192.168.1.0/24;
    deny all;
  }
  location /never/ { alias /var/www/site2/; deny all; }
  location /read/ { limit_except GET { deny all; } proxy_pass http://unix:/run/gunicorn/app.sock:/; include proxy_params; }
  location /flask/ { proxy_pass http://unix:/run/gunicorn/app.sock:/; ${proxied} proxy_set_header X-Forwarded-Proto $scheme; }
}`,
}

const desktops: Site = {
  title: 'desktops behind nginx',
  of: 'nginx',
  host: 'desk.test',
  leftOut: [],
  text: `
server {
  listen 443 ssl http2;
  server_name desk.test;
  ssl_certificate /etc/nginx/ssl/cert.pem;
  ssl_certificate_key /etc/nginx/ssl/key.pem;
  location / {
    proxy_pass http://app:5006;
    proxy_read_timeout 3600s;
    proxy_send_timeout 3600s;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $host;
    proxy_buffering off;
    proxy_cache off;
  }
}`,
}

const ofCaddy: Site = {
  title: 'photos behind Caddy',
  of: 'caddy',
  host: 'gallery.test',
  leftOut: ['/api/*'],
  text: `gallery.test {
    handle /api/* {
        reverse_proxy backend:8000
    }
    handle /staff/* {
        basicauth {
            ann $2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e
        }
        reverse_proxy backend:8000
    }
    handle {
        reverse_proxy frontend:3000
    }
}`,
}

const ofApache: Site = {
  title: 'photos behind Apache',
  of: 'apache',
  host: 'gallery.test',
  leftOut: [],
  text: `<VirtualHost *:80>
    ServerName gallery.test
    ProxyPreserveHost On
    ProxyPass /api http://localhost:8000/api
    ProxyPassReverse /api http://localhost:8000/api
    ProxyPass /uploads http://localhost:8000/uploads
    <Location /uploads/private>
        Require all denied
    </Location>
    ProxyPass / http://localhost:3000/
    ProxyPassReverse / http://localhost:3000/
</VirtualHost>`,
}

const ofTraefik: Site = {
  title: 'photos behind Traefik',
  of: 'traefik',
  host: 'gallery.test',
  leftOut: [],
  text: `services:
  frontend:
    labels:
      - "traefik.http.routers.frontend.rule=Host(\`gallery.test\`)"
      - "traefik.http.services.frontend.loadbalancer.server.port=3000"
  backend:
    labels:
      - "traefik.http.routers.backend.rule=Host(\`gallery.test\`) && PathPrefix(\`/api\`, \`/uploads\`)"
      - "traefik.http.services.backend.loadbalancer.server.port=8000"
`,
}

export const sites: readonly Site[] = [
  plainNginx,
  secureNginx,
  smallSite,
  desktops,
  ofCaddy,
  ofApache,
  ofTraefik,
]

/** The owners' own, from their guides, where these lie beside the repository. */
export async function sitesOfGuides(): Promise<readonly Site[]> {
  const folder = join(import.meta.dirname, '../../../shared/guides')
  if (!existsSync(folder)) return []
  const found: Site[] = []
  for (const guide of ['photos', 'desktops', 'visits']) {
    const text = await readFile(join(folder, `${guide}.md`), 'utf8')
    const blocks = [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```/gm)].map(([, , kind, body = '']) => ({
      kind,
      body,
    }))
    const snippet = blocks.find(({ body }) => /^# Increase timeouts/.test(body))?.body ?? ''
    for (const { kind, body } of blocks) {
      const of = kindOf(kind ?? '', body)
      if (of === undefined) continue
      // One of them is shown without its locations, which stand further down.
      const whole = body.replace(
        /^ *# \.\.\. rest.*$/m,
        `location / { proxy_pass http://app:5006; proxy_set_header Host $host;\n${snippet}}`,
      )
      const host =
        /(?:server_name|ServerName) ([\w.-]+)|Host\(`([\w.-]+)|^([\w-]+\.[\w.-]+) \{/m.exec(whole) ?? []
      found.push({
        title: `${guide}.md, ${of} ${found.length + 1}`,
        of,
        host: host[1] ?? host[2] ?? host[3] ?? '',
        text: whole,
        leftOut: [],
      })
    }
  }
  return found
}

// --- internal ---

function kindOf(kind: string, body: string): Site['of'] | undefined {
  if (kind === 'nginx' && /^ *server \{/m.test(body)) return 'nginx'
  if (kind === 'apache') return 'apache'
  if (/traefik\.http/.test(body)) return 'traefik'
  return /reverse_proxy/.test(body) ? 'caddy' : undefined
}
