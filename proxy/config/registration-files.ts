/** The files of registration, from the folder of routes.yaml: made on the first start, or by `gatehouse token`. */
export const registrationFiles = {
  /** Signs the tokens of services that announce themselves. */
  key: 'certs/registration.key',
  /** Ids of tokens that hold no longer, one a line. */
  revoked: 'certs/revoked-tokens',
  /** Who announced what, a line for every change. */
  audit: 'data/logs/audit.log',
  /** Who was there, for the time of a restart. */
  snapshot: 'data/leases.json',
} as const

/** What a registration token is for, so that no other token made with the same key passes for one. */
export const registrationAudience = 'gatehouse-registration'
