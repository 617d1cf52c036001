import type { QualityEngine } from './engine.ts'
import { measuredCuts } from './measure.ts'

/**
 * The engine that needs nothing: a picture is as good as the worst of what was measured of it. It does not know a face
 * from a wall, and says so by its kind.
 */
export const localEngine: QualityEngine = {
  name: 'local',
  kind: 'measured',
  cuts: measuredCuts,
  score: async (_picture, parts) => Math.min(...parts.map(({ score }) => score)),
  health: async () => ({ answers: true }),
}
