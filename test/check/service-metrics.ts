import { services } from '../../services/roster.ts'
import { type Declaration, declared } from '../../services/shared/metrics.ts'
// What every service has is declared by these.
import '../../services/shared/database-metrics.ts'
import '../../services/shared/http-metrics.ts'
import '../../services/shared/serve.ts'

/** The metrics of the services as the code declares them: first those of all, then each with its own. */
export async function declaredByService(): Promise<
  { readonly service: string; readonly metrics: readonly Declaration[] }[]
> {
  const groups = [{ service: 'every service', metrics: declared.filter(({ name }) => !isOwn(name)) }]
  for (const service of Object.keys(services)) {
    await import(`../../services/${service}/metrics.ts`)
    groups.push({ service, metrics: declared.filter(({ name }) => name.startsWith(`${service}_`)) })
  }
  return groups
}

function isOwn(name: string): boolean {
  return Object.keys(services).some((service) => name.startsWith(`${service}_`))
}
