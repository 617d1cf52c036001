/**
 * Versions of Node below these let requests be smuggled through a proxy: they drop the 1001st header field, but
 * still obey it (CVE-2026-58044). Lines that are not named here never got the fix, but for those to come.
 */
const fixedIn: ReadonlyMap<number, readonly [minor: number, patch: number]> = new Map([
  [22, [23, 2]],
  [24, [18, 1]],
  [26, [5, 1]],
])
const newestKnown = 26

export type RuntimeVerdict =
  | { readonly verdict: 'good' }
  /** Nothing is known against it, and nobody has tried. */
  | { readonly verdict: 'untried' | 'faulty'; readonly sentence: string }

/** `version`: as in `process.versions.node`, such as `24.21.0`. */
export function judgeRuntime(version: string): RuntimeVerdict {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  const fixed = fixedIn.get(major)
  if (fixed && (minor > fixed[0] || (minor === fixed[0] && patch >= fixed[1]))) return { verdict: 'good' }
  if (major > newestKnown)
    return { verdict: 'untried', sentence: `Node ${version} is newer than what Gatehouse was tried with` }
  const good = [...fixedIn].map(([line, rest]) => [line, ...rest].join('.')).join(', ')
  return {
    verdict: 'faulty',
    sentence: `Node ${version} lets requests be smuggled through a proxy; run ./gatehouse, which brings its own, or Node ${good} or later. GATEHOUSE_UNSAFE_RUNTIME=1 serves on it all the same`,
  }
}
