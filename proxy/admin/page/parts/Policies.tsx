import type { Overview } from '../../dashboard/overview.ts'
import { Panel, Wide } from './Panel.tsx'

/** What policies refused since the start, and what those that observe would have. */
export function Policies({ policies, routes }: Pick<Overview, 'policies' | 'routes'>) {
  const observing = new Set(
    routes.flatMap((route) =>
      route.policies.flatMap(({ name, observes }) => (observes ? [`${route.name} ${name}`] : [])),
    ),
  )
  const rows = policies
    .filter(
      ({ denied, wouldDeny, route, policy }) => denied + wouldDeny > 0 || observing.has(`${route} ${policy}`),
    )
    .toSorted((a, b) => b.denied + b.wouldDeny - a.denied - a.wouldDeny)
  return (
    <Panel id="policies" title="Policies" aside={<span className="soft">since the start</span>}>
      {rows.length === 0 ? (
        <p className="soft empty">
          No policy has refused anything. <code>mode: observe</code> lets one tell what it would refuse,
          before it does.
        </p>
      ) : (
        <Wide label="Policies">
          <table>
            <thead>
              <tr>
                <th scope="col">Policy</th>
                <th scope="col" className="number">
                  Refused
                </th>
                <th scope="col" className="number">
                  Would have
                </th>
                <th scope="col" className="number some">
                  Passed
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, 30).map(({ route, policy, allowed, denied, wouldDeny }) => (
                <tr key={`${route} ${policy}`}>
                  <th scope="row">
                    {policy}
                    {observing.has(`${route} ${policy}`) && <span className="chip">observes</span>}
                    <span className="under">{route}</span>
                  </th>
                  <td className={`number ${denied > 0 ? 'strong' : ''}`}>{denied.toLocaleString('en')}</td>
                  <td className={`number ${wouldDeny > 0 ? 'warn' : ''}`}>
                    {wouldDeny.toLocaleString('en')}
                  </td>
                  <td className="number some">{allowed.toLocaleString('en')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </Panel>
  )
}
