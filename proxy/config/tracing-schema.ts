import { z } from 'zod'
import { fieldName, secret } from './patterns.ts'

/** How exchanges are traced. Without it nobody's trace context is touched, and nothing of it costs anything. */

const endpointWords = 'is not the address of a collector; write one such as http://127.0.0.1:4318/v1/traces'
const endpoint = z
  .string(endpointWords)
  .regex(/^https?:\/\/[^/?#\s@]+(\/[^?#\s]*)?$/, endpointWords)
  .refine((text) => URL.canParse(text), endpointWords)
  // What is commonly called the endpoint of OTLP is the address that `/v1/traces` is added to.
  .transform((text) => (new URL(text).pathname === '/' ? new URL('/v1/traces', text).href : text))
  .meta({ examples: ['http://127.0.0.1:4318/v1/traces'] })

const shareWords = 'is not a share; write a number from 0 to 1'

export const tracing = z.strictObject({
  endpoint: endpoint
    .optional()
    .describe(
      'Where spans are sent: OTLP over HTTP, as JSON. Without it trace ids are made and logged alone.',
    ),
  headers: z
    .record(fieldName, secret)
    .default({})
    .describe('Fields that the collector asks for, such as `Authorization`.'),
  service: z
    .string()
    .min(1, 'is empty')
    .max(100, 'is longer than 100 characters')
    .default('gatehouse')
    .describe('The name that spans carry, `service.name`.'),
  sample: z
    .number(shareWords)
    .min(0, shareWords)
    .max(1, shareWords)
    .default(1)
    .describe(
      'The share of the traces begun here that is recorded. A trace that goes on here keeps its mark.',
    ),
  continue: z
    .enum(['trustedProxies', 'everybody', 'nobody'])
    .default('trustedProxies')
    .describe(
      'Whose `traceparent` is taken up. Of `everybody` who is no trusted proxy the id is, and `sample` still decides what is recorded.',
    ),
})

export type TracingConfig = z.output<typeof tracing>
