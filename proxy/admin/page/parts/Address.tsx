import { Fragment } from 'react'

/** An address that goes to the next line where a reader would break it: after a slash, and before a dot. */
export function Address({ text }: { text: string }) {
  const parts = text.split(/(?<=\/)(?=[^/])|(?=\.)/)
  return parts.map((part, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text are never sorted
    <Fragment key={at}>
      {at > 0 && <wbr />}
      {part}
    </Fragment>
  ))
}
