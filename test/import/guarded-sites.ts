import type { OtherProxy } from './other-proxies.ts'

/** Sites that are guarded, each in one way that is met in the field. */
export interface GuardedSite {
  readonly host: string
  readonly paths: readonly string[]
  /** What stands in its block. */
  readonly rules: (scene: GuardedScene) => string
  /** It can be said here, so that who may come comes. */
  readonly isUnderstood?: true
}

export interface GuardedScene {
  readonly folder: string
  /** Of the other proxy. */
  readonly port: number
  /** `127.0.0.1:1234` */
  readonly upstream: string
}

export interface GuardedSites {
  readonly sites: readonly GuardedSite[]
  write(scene: GuardedScene): string
}

const spellings = ['/', '/private', '/private/', '/private/x', '/%70rivate', '//private', '/a/../private']

/** `(upstream) => rules`, with the upstream for everything else. */
function inFront(rules: string | ((scene: GuardedScene) => string)) {
  return (scene: GuardedScene): string =>
    `${typeof rules === 'string' ? rules : rules(scene)} location / { proxy_pass http://${scene.upstream}; }`
}

const users = ({ folder }: GuardedScene): string =>
  `auth_basic "closed"; auth_basic_user_file ${folder}/htpasswd;`

const nginx: GuardedSites = {
  write: (scene) =>
    nginx.sites
      .map(
        ({ host, rules }, index) =>
          `server { listen 127.0.0.1:${scene.port}${index === 0 ? ' default_server' : ''}; server_name ${host}; ${rules(scene)} }`,
      )
      .join('\n'),
  sites: [
    { host: 'open.test', paths: spellings, rules: inFront(''), isUnderstood: true },
    {
      host: 'deny.test',
      paths: spellings,
      rules: inFront('location /private { deny all; }'),
      isUnderstood: true,
    },
    {
      host: 'exact.test',
      paths: ['/xmlrpc', '/', '/xmlrpc/x'],
      rules: inFront('location = /xmlrpc { deny all; }'),
      isUnderstood: true,
    },
    {
      host: 'return.test',
      paths: spellings,
      rules: inFront('location /private { return 404; }'),
      isUnderstood: true,
    },
    { host: 'empty.test', paths: spellings, rules: inFront('location /private { return 200 "nothing"; }') },
    {
      host: 'nested.test',
      paths: ['/', '/app', '/app/private', '/app/private/x', '/app/open'],
      rules: (scene) =>
        `location / { proxy_pass http://${scene.upstream}; location /app { proxy_pass http://${scene.upstream}; location /app/private { deny all; } } }`,
      isUnderstood: true,
    },
    {
      host: 'pattern.test',
      paths: ['/', '/private/', '/ops/x', '/other', '/private'],
      rules: inFront(
        ({ upstream }) =>
          `location ~ ^/(private|ops)/ { allow 10.0.0.0/8; deny all; proxy_pass http://${upstream}; }`,
      ),
    },
    {
      host: 'any-pattern.test',
      paths: ['/', '/x.bak'],
      rules: inFront('location ~* \\.(bak|sql)$ { deny all; }'),
    },
    {
      host: 'dots.test',
      paths: ['/', '/.git/config', '/a/.env'],
      rules: inFront('location ~ /\\. { deny all; }'),
    },
    {
      host: 'dot-files.test',
      paths: ['/', '/index.html', '/.env', '/private/'],
      rules: ({ folder }) => `root ${folder}/www; location ~ /\\. { deny all; }`,
      isUnderstood: true,
    },
    {
      host: 'php.test',
      paths: ['/page.php', '/%70age.php'],
      rules: ({ folder }) =>
        `root ${folder}/www; index index.php index.html; location ~ \\.php$ { fastcgi_pass 127.0.0.1:9; }`,
    },
    {
      host: 'include.test',
      paths: spellings,
      rules: inFront(({ folder }) => `include ${folder}/office.nginx;`),
    },
    {
      host: 'sign-on.test',
      paths: spellings,
      rules: inFront('if ($cookie_session = "") { return 302 https://login.test/; }'),
    },
    {
      host: 'key.test',
      paths: spellings,
      rules: inFront('if ($http_x_key != "right") { return 403; }'),
    },
    {
      host: 'user.test',
      paths: ['/'],
      rules: (scene) =>
        `location / { ${users(scene)} proxy_set_header X-Remote-User $remote_user; proxy_pass http://${scene.upstream}; }`,
    },
    {
      host: 'no-user.test',
      paths: ['/'],
      rules: ({ upstream }) =>
        `location / { proxy_set_header X-Remote-User ""; proxy_pass http://${upstream}; }`,
      isUnderstood: true,
    },
    { host: '~^adm\\d+\\.test$', paths: ['/'], rules: inFront('') },
    {
      host: 'password.test',
      paths: ['/', '/public', '/public/x', '/private'],
      rules: (scene) =>
        `${users(scene)} location /public { auth_basic off; proxy_pass http://${scene.upstream}; } location / { proxy_pass http://${scene.upstream}; }`,
      isUnderstood: true,
    },
    {
      host: 'variable.test',
      paths: ['/', '/api', '/api/x'],
      rules: inFront((scene) => `location /api { ${users(scene)} proxy_pass http://$arg_to; }`),
    },
    {
      host: 'set.test',
      paths: ['/', '/api', '/api/x'],
      rules: (scene) =>
        `location /api { ${users(scene)} set $app ${scene.upstream}; proxy_pass http://$app; }`,
      isUnderstood: true,
    },
    {
      host: 'real-ip.test',
      paths: ['/'],
      rules: ({ upstream }) =>
        `set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; allow 127.0.0.0/8; deny all; location / { proxy_pass http://${upstream}; }`,
      isUnderstood: true,
    },
    {
      host: 'named.test',
      paths: ['/', '/index.html', '/nothing'],
      rules: (scene) =>
        `root ${scene.folder}/www; location / { try_files /none @app; } location @app { ${users(scene)} proxy_pass http://${scene.upstream}; }`,
      isUnderstood: true,
    },
    {
      host: 'twice.test',
      paths: ['/', '/x'],
      rules: ({ upstream }) =>
        `allow 127.0.0.0/8; deny all; location / { try_files /none @app; } location @app { allow 10.0.0.0/8; deny all; proxy_pass http://${upstream}; }`,
    },
    {
      host: 'twice-turned.test',
      paths: ['/', '/x'],
      rules: ({ upstream }) =>
        `location / { allow 10.0.0.0/8; deny all; try_files /none @app; } location @app { allow 127.0.0.0/8; deny all; proxy_pass http://${upstream}; }`,
    },
    {
      host: 'either.test',
      paths: ['/'],
      rules: inFront((scene) => `satisfy any; allow 10.0.0.0/8; deny all; ${users(scene)}`),
    },
    {
      host: 'internal.test',
      paths: spellings,
      rules: inFront(({ folder }) => `location /private { internal; alias ${folder}/www; }`),
    },
    {
      host: 'ask.test',
      paths: spellings,
      rules: inFront('auth_request /ask; location = /ask { internal; return 401; }'),
    },
    {
      host: 'old-tls.test',
      paths: ['/'],
      rules: inFront('valid_referers server_names; if ($invalid_referer) { return 403; }'),
    },
  ],
}

/** Of Apache: an upstream behind everything, and rules. */
function before(rules: string | ((scene: GuardedScene) => string)) {
  return (scene: GuardedScene): string =>
    `${typeof rules === 'string' ? rules : rules(scene)}\nProxyPass / http://${scene.upstream}/`
}

const inFolder = (rules: string) => (scene: GuardedScene) =>
  `DocumentRoot ${scene.folder}/www\n<Directory ${scene.folder}/www>\nRequire all granted\n</Directory>\n${rules.replaceAll('WWW', `${scene.folder}/www`)}`

const asked = ({ folder }: GuardedScene): string =>
  `AuthType Basic\nAuthName closed\nAuthUserFile ${folder}/htpasswd\nRequire valid-user`

const apache: GuardedSites = {
  write: (scene) =>
    apache.sites
      .map(
        ({ host, rules }) =>
          `<VirtualHost 127.0.0.1:${scene.port}>\nServerName ${host}\n${rules(scene)}\n</VirtualHost>`,
      )
      .join('\n'),
  sites: [
    { host: 'open.test', paths: spellings, rules: before(''), isUnderstood: true },
    {
      host: 'deny.test',
      paths: spellings,
      rules: before('<Location /private>\nRequire all denied\n</Location>'),
      isUnderstood: true,
    },
    {
      host: 'pattern.test',
      paths: ['/', '/private/', '/ops/x', '/other'],
      rules: before('<LocationMatch "^/(private|ops)/">\nRequire ip 10.0.0.0/8\n</LocationMatch>'),
      isUnderstood: true,
    },
    {
      host: 'any-pattern.test',
      paths: ['/', '/x.bak'],
      rules: before('<LocationMatch "\\.(bak|sql)$">\nRequire all denied\n</LocationMatch>'),
    },
    {
      host: 'reopened.test',
      paths: ['/', '/x.bak'],
      rules: before(
        '<Location />\nRequire all granted\n</Location>\n<LocationMatch "\\.bak$">\nRequire all denied\n</LocationMatch>',
      ),
    },
    {
      host: 'proxy.test',
      paths: ['/', '/x'],
      rules: before('<Proxy *>\nRequire ip 10.0.0.0/8\n</Proxy>'),
      isUnderstood: true,
    },
    {
      host: 'rewrite.test',
      paths: spellings,
      rules: before('RewriteEngine On\nRewriteRule ^/private(/|$) - [F]'),
      isUnderstood: true,
    },
    {
      host: 'rewrite-any.test',
      paths: ['/', '/a.sql'],
      rules: before('RewriteEngine On\nRewriteRule \\.sql$ - [F,L]'),
    },
    {
      host: 'rewrite-from.test',
      paths: ['/', '/x'],
      rules: before('RewriteEngine On\nRewriteCond %{REMOTE_ADDR} !^10\\.\nRewriteRule ^ - [F]'),
    },
    {
      host: 'sign-on.test',
      paths: ['/', '/x'],
      rules: before(
        'RewriteEngine On\nRewriteCond %{HTTP_COOKIE} !session\nRewriteRule ^ https://login.test/ [R,L]',
      ),
    },
    {
      host: 'passed.test',
      paths: ['/app/x', '/', '/app'],
      rules: (scene) =>
        `RewriteEngine On\nRewriteRule ^/app/(.*)$ http://${scene.upstream}/$1 [P]\n<Location /app>\nRequire ip 10.0.0.0/8\n</Location>`,
    },
    { host: 'gone.test', paths: spellings, rules: before('Redirect gone /private') },
    { host: 'dots.test', paths: ['/', '/.git/x'], rules: before('RedirectMatch 404 "/\\.git"') },
    {
      host: 'not.test',
      paths: spellings,
      rules: (scene) => `ProxyPass /private !\nProxyPass / http://${scene.upstream}/`,
      isUnderstood: true,
    },
    {
      host: 'except.test',
      paths: ['/', '/x'],
      rules: before('<Location />\n<LimitExcept POST>\nRequire all denied\n</LimitExcept>\n</Location>'),
      isUnderstood: true,
    },
    {
      host: 'limit.test',
      paths: ['/', '/x'],
      rules: before('<Location />\n<Limit GET>\nRequire all denied\n</Limit>\n</Location>'),
    },
    {
      host: 'if.test',
      paths: ['/', '/x'],
      rules: before(`<If "req('X-Key') != 'right'">\nRequire all denied\n</If>`),
    },
    {
      host: 'include.test',
      paths: spellings,
      rules: before(({ folder }) => `Include ${folder}/office.apache`),
    },
    {
      host: 'module.test',
      paths: spellings,
      rules: before(
        '<IfModule authz_core_module>\n<Location /private>\nRequire all denied\n</Location>\n</IfModule>',
      ),
      isUnderstood: true,
    },
    {
      host: 'password.test',
      paths: ['/', '/private', '/other'],
      rules: before((scene) => `<Location /private>\n${asked(scene)}\n</Location>`),
      isUnderstood: true,
    },
    {
      host: 'user.test',
      paths: ['/'],
      rules: before(
        (scene) =>
          `<Location />\n${asked(scene)}\n</Location>\nRequestHeader set X-Remote-User "expr=%{REMOTE_USER}"`,
      ),
    },
    {
      host: 'no-user.test',
      paths: ['/'],
      rules: before('RequestHeader unset X-Remote-User'),
    },
    {
      host: 'nobody.test',
      paths: ['/'],
      rules: before(
        (scene) => `<Location />\n${asked(scene).replace('valid-user', 'user nobody')}\n</Location>`,
      ),
    },
    { host: 'files.test', paths: ['/', '/index.html', '/page.php'], rules: inFolder(''), isUnderstood: true },
    {
      host: 'folder.test',
      paths: ['/', '/index.html', '/private/', '/private/index.html'],
      rules: inFolder('<Directory WWW/private>\nRequire ip 10.0.0.0/8\n</Directory>'),
      isUnderstood: true,
    },
    {
      host: 'alias.test',
      paths: ['/docs/', '/docs/index.html', '/'],
      rules: before(
        ({ folder }) =>
          `Alias /docs ${folder}/www/private\nProxyPass /docs !\n<Directory ${folder}/www/private>\nRequire ip 10.0.0.0/8\n</Directory>`,
      ),
    },
    {
      host: 'dot-files.test',
      paths: ['/', '/.env', '/index.html'],
      rules: inFolder('<FilesMatch "^\\.">\nRequire all denied\n</FilesMatch>'),
      isUnderstood: true,
    },
    {
      host: 'kinds.test',
      paths: ['/', '/page.php', '/index.html'],
      rules: inFolder('<FilesMatch "\\.php$">\nRequire all denied\n</FilesMatch>'),
    },
    {
      host: 'override.test',
      paths: ['/', '/index.html'],
      rules: inFolder('<Directory WWW>\nAllowOverride All\n</Directory>'),
    },
    {
      host: 'pool.test',
      paths: ['/', '/x'],
      rules: ({ upstream }) =>
        `<Proxy balancer://pool>\nBalancerMember http://${upstream}\n</Proxy>\nProxyPass / balancer://pool/`,
      isUnderstood: true,
    },
  ],
}

/** Of Caddy: rules, and an upstream behind everything. */
function beforeAll(rules: string | ((scene: GuardedScene) => string)) {
  return (scene: GuardedScene): string =>
    `${typeof rules === 'string' ? rules : rules(scene)}\nreverse_proxy ${scene.upstream}`
}

const office = '@out not remote_ip 10.0.0.0/8'
// `test`, by bcrypt.
const hash = '$2y$04$Imtv2PmCG4PS2GT2mirwBu965kE1kJaooY9kLpYefR2ho4zn88LPK'

const caddy: GuardedSites = {
  write: (scene) => `(closing) {\n@out not remote_ip {args.0}\nrespond @out 403\n}
${caddy.sites.map(({ host, rules }) => `http://${host}:${scene.port} {\n${rules(scene)}\n}`).join('\n')}`,
  sites: [
    { host: 'open.test', paths: spellings, rules: beforeAll(''), isUnderstood: true },
    ...['respond @out 403', 'respond @out "no" 403', 'abort @out', 'error @out 403'].map((rule, index) => ({
      host: `office${index}.test`,
      paths: ['/', '/x'],
      rules: beforeAll(`${office}\n${rule}`),
      isUnderstood: true as const,
    })),
    { host: 'wall.test', paths: ['/', '/x'], rules: beforeAll('respond 403'), isUnderstood: true },
    {
      host: 'inside.test',
      paths: ['/', '/x'],
      rules: beforeAll('@mine remote_ip 127.0.0.0/8\nrespond @mine 403'),
      isUnderstood: true,
    },
    { host: 'path.test', paths: spellings, rules: beforeAll('respond /private* 403'), isUnderstood: true },
    {
      host: 'below.test',
      paths: ['/', '/private/', '/private/x', '/other'],
      rules: beforeAll('respond /private/* 404'),
      isUnderstood: true,
    },
    {
      host: 'handled.test',
      paths: spellings,
      rules: ({ upstream }) => `handle /private* {\nrespond 403\n}\nhandle {\nreverse_proxy ${upstream}\n}`,
      isUnderstood: true,
    },
    {
      host: 'empty.test',
      paths: spellings,
      rules: ({ upstream }) =>
        `handle /private* {\nrespond "nothing" 200\n}\nhandle {\nreverse_proxy ${upstream}\n}`,
    },
    {
      host: 'redirect.test',
      paths: ['/', '/x'],
      rules: beforeAll(`${office}\nredir @out https://login.test/`),
    },
    {
      host: 'sign-on.test',
      paths: ['/', '/x'],
      rules: beforeAll('@guest not header Cookie *session*\nredir @guest https://login.test/'),
    },
    {
      host: 'key.test',
      paths: ['/', '/x'],
      rules: ({ upstream }) => `@key header X-Key right\nreverse_proxy @key ${upstream}\nrespond 403`,
    },
    {
      host: 'handled-key.test',
      paths: ['/', '/x'],
      rules: ({ upstream }) =>
        `@key header X-Key right\nhandle @key {\nreverse_proxy ${upstream}\n}\nhandle {\nrespond 403\n}`,
    },
    {
      host: 'pattern.test',
      paths: ['/', '/a.sql'],
      rules: beforeAll('@dump path *.sql *.bak\nrespond @dump 404'),
    },
    {
      host: 'expression.test',
      paths: spellings,
      rules: beforeAll('@bad path_regexp ^/private\nrespond @bad 404'),
    },
    {
      host: 'snippet.test',
      paths: ['/', '/x'],
      rules: beforeAll('import closing 10.0.0.0/8'),
      isUnderstood: true,
    },
    {
      host: 'file.test',
      paths: ['/', '/x'],
      rules: beforeAll(({ folder }) => `import ${folder}/office.caddy`),
    },
    {
      host: 'password.test',
      paths: ['/', '/x'],
      rules: beforeAll(`basicauth {\nann ${hash}\n}`),
      isUnderstood: true,
    },
    {
      host: 'room.test',
      paths: ['/private/', '/private/x'],
      rules: beforeAll(`basicauth /private/* {\nann ${hash}\n}`),
      isUnderstood: true,
    },
    {
      host: 'user.test',
      paths: ['/'],
      rules: ({ upstream }) =>
        `basicauth {\nann ${hash}\n}\nreverse_proxy ${upstream} {\nheader_up X-Remote-User {http.auth.user.id}\n}`,
    },
    {
      host: 'no-user.test',
      paths: ['/'],
      rules: ({ upstream }) => `request_header -X-Remote-User\nreverse_proxy ${upstream}`,
    },
    {
      host: 'ask.test',
      paths: ['/', '/x'],
      rules: beforeAll('forward_auth 127.0.0.1:9 {\nuri /ask\n}'),
    },
    {
      host: 'files.test',
      paths: ['/', '/index.html', '/.env', '/private/'],
      rules: ({ folder }) => `root * ${folder}/www\nfile_server {\nhide .*\n}`,
      isUnderstood: true,
    },
    {
      host: 'php.test',
      paths: ['/page.php', '/index.html'],
      rules: ({ folder }) => `root * ${folder}/www\nphp_fastcgi 127.0.0.1:9\nfile_server`,
    },
    { host: 'methods.test', paths: ['/'], rules: beforeAll('@no not method POST\nrespond @no 405') },
  ],
}

export const guardedSites: Readonly<Record<OtherProxy, GuardedSites>> = {
  nginx,
  apache,
  caddy,
}
