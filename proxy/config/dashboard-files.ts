/** The files of the dashboard, from the folder of routes.yaml: made on the first start, or by `gatehouse hash`. */
export const dashboardFiles = {
  /** Who may sign in. */
  users: 'certs/dashboard.htpasswd',
  /** Signs sessions. Who may read it on this machine may use `gatehouse top` and `tail`. */
  key: 'certs/dashboard.key',
} as const
