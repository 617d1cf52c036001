/** What `make run` has to provide before a service starts. */
export interface ServiceNeeds {
  /** Upstreams of routes.yaml that it may fill. */
  readonly upstreams: readonly string[]
  /** It listens on this unix socket instead of a port. */
  readonly socket?: string
  /** Secrets that are made at random once: the variable that names the file, and the file. */
  readonly keys?: Readonly<Record<string, string>>
  /** A password for a person that is made once, shown once, and kept: the variable that names its file, and the file. */
  readonly password?: { readonly variable: string; readonly file: string; readonly user: string }
}

export type ServiceName = keyof typeof services

/** The services of `make run`, a row each. */
export const services = {
  visits: {
    upstreams: ['visits'],
    socket: 'data/sockets/visits.sock',
    // The route of routes.yaml verifies tokens with the same file.
    keys: { SECRET_KEY_FILE: 'certs/visits.key' },
    password: { variable: 'FIRST_PASSWORD_FILE', file: 'data/visits/admin.password', user: 'admin' },
  },
  camera: { upstreams: ['camera'] },
  photos: {
    upstreams: ['photos'],
    // The routes of routes.yaml verify tokens with the same file.
    keys: { SECRET_KEY_FILE: 'certs/photos.key' },
    password: { variable: 'AUTH_PASSWORD_FILE', file: 'data/photos/admin.password', user: 'admin' },
  },
  hikvision: {
    upstreams: ['hikvision'],
    keys: { SECRET_KEY_FILE: 'data/hikvision/secret.key' },
    password: { variable: 'ADMIN_PASSWORD_FILE', file: 'data/hikvision/password', user: 'admin' },
  },
  desktops: {
    upstreams: ['desktops', 'desktop'],
    // The routes of routes.yaml verify the cookie with the same file.
    keys: { SESSION_KEY_FILE: 'certs/desktops.key' },
    password: { variable: 'ADMIN_PASSWORD_FILE', file: 'data/desktops/admin.password', user: 'admin' },
  },
} as const satisfies Record<string, ServiceNeeds>
