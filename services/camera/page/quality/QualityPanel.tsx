import type { Level, Quality } from './useQuality.ts'

const levels: Record<Level, string> = { good: 'Good', acceptable: 'Acceptable', poor: 'Poor' }
const names: Record<string, string> = {
  exposure: 'Light',
  contrast: 'Contrast',
  evenness: 'Even light',
  sharpness: 'Sharpness',
  resolution: 'Resolution',
}

/** How good the picture is, each part of it, and what to do. */
export function QualityPanel({ quality }: { quality: Quality | undefined }) {
  const level = quality?.level
  return (
    <section className="card quality" aria-labelledby="quality-title">
      <h2 id="quality-title">Picture quality</h2>
      <p className={`verdict ${level ?? ''}`}>
        <strong>{level ? levels[level] : quality ? 'No score' : 'Looking…'}</strong>
        {quality?.share !== undefined && <span> {Math.round(quality.share * 100)} of 100</span>}
      </p>
      <p className="advice" aria-live="polite">
        {quality?.message ?? 'Hold your face in the oval.'}
      </p>
      <ul className="parts">
        {quality?.parts.map(({ name, score, level, advice }) => (
          <li key={name}>
            <span className="name" id={`part-${name}`}>
              {names[name] ?? name}
            </span>
            <meter
              aria-labelledby={`part-${name}`}
              aria-valuetext={levels[level]}
              low={0.5}
              high={0.7}
              optimum={1}
              value={Math.max(0.02, score)}
            />
            <span className="level">{levels[level]}</span>
            {advice && <span className="soft">{advice}</span>}
          </li>
        ))}
      </ul>
      <p className="soft small">{explanation(quality)}</p>
    </section>
  )
}

function explanation(quality: Quality | undefined): string {
  if (quality?.kind === 'neural')
    return 'The score is a model’s opinion of the face; the parts are measured inside the oval.'
  if (quality?.kind === 'measured')
    return 'Measured inside the oval: light and lines, whether or not they are a face. The score is the worst part.'
  return 'Every two seconds one picture is sent, judged and forgotten.'
}
