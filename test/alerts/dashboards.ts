import { readdirSync, readFileSync } from 'node:fs'

/** One question of a dashboard of deploy/grafana/dashboards/. */
export interface DashboardQuery {
  readonly dashboard: string
  readonly panel: string
  readonly query: string
}

export function readDashboardQueries(): DashboardQuery[] {
  const folder = new URL('../../deploy/grafana/dashboards/', import.meta.url)
  return readdirSync(folder).flatMap((name) => {
    const { panels } = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Dashboard
    return panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => ({ dashboard: name, panel: title, query: expr })),
    )
  })
}

/** As Grafana would ask with all variables at "All". */
export function fillIn(query: string): string {
  return query.replaceAll('$__rate_interval', '1m').replaceAll('$route', '.+').replaceAll('$service', '.+')
}

interface Dashboard {
  readonly panels: { readonly title: string; readonly targets: { readonly expr: string }[] }[]
}
