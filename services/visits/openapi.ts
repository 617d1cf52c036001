import { z } from 'zod'
import { operations, schemas } from './contract.ts'

/** The API in OpenAPI 3.1, whose schemas are plain JSON Schema. It names no server: it is the one that it comes from. */
export function describeApi(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [operationId, operation] of Object.entries(operations)) {
    paths[operation.path] = { [operation.method]: describeOperation(operationId, operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Visits',
      version: '1.0.0',
      description: 'Counts visits, for those who sign in.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    tags: [{ name: 'visits', description: 'Sign in, authorize, and count.' }],
    paths,
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => {
          const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'input' })
          return [name, described]
        }),
      ),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'The token that signing in answers.',
        },
      },
    },
  }
}

// --- internal ---

type Operation = (typeof operations)[keyof typeof operations]

function describeOperation(operationId: string, operation: Operation): Record<string, unknown> {
  const { summary, description, answer, refusals, token } = operation
  const responses: Record<string, unknown> = {
    200: {
      description: schemas[answer].meta()?.description ?? summary,
      content: { 'application/json': contentOf(answer) },
    },
  }
  for (const [status, meaning] of Object.entries(refusals))
    responses[status] = {
      description: meaning,
      content: { 'application/problem+json': contentOf('Problem') },
    }
  return {
    operationId,
    tags: ['visits'],
    summary,
    description,
    ...('body' in operation && {
      requestBody: { required: true, content: { 'application/json': contentOf(operation.body) } },
    }),
    responses,
    security: token ? [{ token: [] }] : [],
  }
}

function contentOf(name: keyof typeof schemas): { schema: { $ref: string } } {
  return { schema: { $ref: `#/components/schemas/${name}` } }
}
