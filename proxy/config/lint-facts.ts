import type { CertificateFacts } from './files.ts'
import type { LoadedConfig } from './loaded.ts'
import type { Finding, Path } from './problem.ts'

/** What lint looks at besides the configuration. */
export interface LintFacts {
  /** Of the certificates in the file; empty where a self-signed one will be made. */
  readonly certificates: readonly CertificateFacts[]
  /** Unix time in milliseconds. */
  readonly now: number
  /** How messages write a scalar: as it stands in the file, so that no value of the environment is told. */
  show(path: Path): string | undefined
}

/** Looks for one kind of mistake. */
export type LintRule = (config: LoadedConfig, facts: LintFacts) => Finding[]
