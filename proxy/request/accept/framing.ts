/**
 * Whether the value of Transfer-Encoding states the body's end in the one way that all readers share. Another
 * coding than chunked would be re-framed and lose its meaning; HTTP/1.0 knows none (RFC 9112 §6.1).
 *
 * Node's parser takes `gzip, chunked` for chunks and reads on behind them, where another reader sees the rest of
 * a body. `coding` joins the values of all fields of that name with commas.
 */
export function isClearCoding(coding: string | undefined, http10: boolean): boolean {
  return coding === undefined || (!http10 && coding.toLowerCase() === 'chunked')
}
