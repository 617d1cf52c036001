/** What became of one reload of routes.yaml, in words, without a secret. */
export interface ReloadReport {
  /** Unix ms. */
  readonly at: number
  /** `taken back`: a file with mistakes is again what runs. */
  readonly outcome: 'taken up' | 'refused' | 'taken back'
  readonly changes: readonly {
    /** `route close`, `limits`. */
    readonly of: string
    readonly kind: 'added' | 'removed' | 'changed'
    readonly details: readonly string[]
  }[]
  /** Of a refusal: each mistake, with its place in the file. */
  readonly problems: readonly string[]
  /** What of it comes with the next start. */
  readonly needRestart: readonly string[]
  readonly endedTunnels: number
}
