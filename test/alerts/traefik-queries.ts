/**
 * What Traefik's public dashboard (17346) asks, panel by panel: its variables at "all", its steps at a fixed range. Whoever
 * has it needs to replace `traefik_` by `gatehouse_` and nothing else, which is what asking them shows.
 */
const service = 'service=~".*",protocol="http"'
const short = (expression: string): string =>
  `label_replace(${expression}, "service", "$1", "service", "([^@]+)@.*")`

export const traefikQueries: readonly (readonly [panel: string, query: string])[] = [
  ['Traefik instances', 'count(traefik_config_reloads_total)'],
  [
    'Requests per entrypoint',
    'sum(rate(traefik_entrypoint_requests_total{entrypoint=~".*"}[1m])) by (entrypoint)',
  ],
  [
    'Apdex score',
    `(sum(rate(traefik_entrypoint_request_duration_seconds_bucket{le="0.3",code="200",entrypoint=~".*"}[5m])) by (method)
      + sum(rate(traefik_entrypoint_request_duration_seconds_bucket{le="1.2",code="200",entrypoint=~".*"}[5m])) by (method))
      / 2 / sum(rate(traefik_entrypoint_request_duration_seconds_count{code="200",entrypoint=~".*"}[5m])) by (method)`,
  ],
  ['HTTP codes', `topk(15, sum(rate(traefik_service_requests_total{${service}}[1m])) by (method, code))`],
  [
    'Slowest services',
    `topk(15, ${short(`sum(rate(traefik_service_request_duration_seconds_sum{${service}}[5m])) by (service)
      / sum(rate(traefik_service_request_duration_seconds_count{${service}}[5m])) by (service)`)})`,
  ],
  [
    'Most requested services',
    `topk(15, ${short(`sum by (service, code) (rate(traefik_service_requests_total{${service}}[5m]))`)})`,
  ],
  ...['0.3', '1.2'].map(
    (le) =>
      [
        `Services within ${le} s`,
        `topk(10, ${short(`sum(rate(traefik_service_request_duration_seconds_bucket{le="${le}",service=~".*"}[5m])) by (service)
      / sum(rate(traefik_service_request_duration_seconds_count{service=~".*"}[5m])) by (service)`)})`,
      ] as const,
  ),
  ...['2..', '5..', '[34]..'].map(
    (codes) =>
      [
        `Answers ${codes}`,
        `topk(15, ${short(`sum(rate(traefik_service_requests_total{service=~".*",code=~"${codes}",protocol="http"}[5m])) by (service, method, code)`)})`,
      ] as const,
  ),
  [
    'Request bytes',
    `topk(15, ${short(`sum(rate(traefik_service_requests_bytes_total{${service}}[1m])) by (service)`)})`,
  ],
  [
    'Response bytes',
    `topk(15, ${short(`sum(rate(traefik_service_responses_bytes_total{${service}}[1m])) by (service)`)})`,
  ],
  ['Connections per entrypoint', 'sum(traefik_open_connections{entrypoint=~".*"}) by (entrypoint)'],
  ['Variable entrypoint', 'group by (entrypoint) (traefik_open_connections)'],
  ['Variable service', 'group by (service) (traefik_service_requests_total)'],
]
