import { type Explanation, named, stricter } from './explanation.ts'

/** Where requests begin and end: lengths, chunks, lines, fields. */
export const framing: readonly Explanation[] = [
  stricter(
    'A length and chunks in one request ought to be handled as an error (RFC 9112 §6.1). HAProxy drops the length and closes.',
    named('coding', ['CL.TE', 'TE.CL', 'CL.TE, short', 'CL.TE, zero', 'CL.TE.CL']),
  ),
  stricter(
    'RFC 9110 §8.6 lets a reader refuse equal lengths or make one of them. What is said twice is refused.',
    named('length', ['twice, equal', 'a list, equal']),
  ),
  stricter(
    'No honest client writes a length with more than fifteen digits; longer ones test for overflow.',
    named('length', ['many zeros in front']),
  ),
  stricter(
    'An empty second Transfer-Encoding leaves it to the next reader which of the two counts (RFC 9112 §6.1). HAProxy passes both on, and this upstream could not read them.',
    named('coding', ['TE.TE, empty behind', 'TE.TE, empty before', 'list, comma behind']),
  ),
  stricter(
    'HTTP/1.0 knows no transfer codings; a request that has one has faulty framing (RFC 9112 §6.1).',
    named('coding', ['HTTP/1.0', 'HTTP/1.0, kept', 'HTTP/1.0 with a length']),
  ),
  stricter(
    'A field on two lines is refused or made one (RFC 9112 §5.2). Refusing is what cannot be read in two ways.',
    named('coding', ['folded', 'folded with tab', 'in a folded line']),
    named('field', ['fold', 'fold with tab', 'fold of nothing', 'fold hides a length']),
    named('host', ['folded']),
    named('intent', ['Expect, folded']),
  ),
  stricter(
    'White space before the first field is refused, or skipped together with its line (RFC 9112 §2.2).',
    named('field', ['first line folded', 'blank line of blanks']),
  ),
  stricter(
    'A line may be taken to end at a lone LF (RFC 9112 §2.2), and then two readers see two heads. Chunks know CRLF alone (§7.1), and reading them otherwise is how TERM.EXT smuggles.',
    named('coding', ['behind a lone LF', 'before a lone LF', 'behind CR CR LF']),
    named('field', [
      'lone LF',
      'lone CR at the end',
      'all lines in LF',
      'last line in LF',
      'LF LF in a value',
    ]),
    named('line', ['lone LF behind it']),
    named('chunk', ['extension, lone LF', 'size ends in LF', 'data ends in LF', 'data shorter than said']),
    named('chunk', ['end in LF', 'end with lone LF behind', 'trailer, lone LF']),
  ),
  stricter(
    'A line that is no field makes the whole message none (RFC 9112 §5); one reader drops the line, another obeys it.',
    named('coding', ['equals']),
    named('field', ['no colon']),
  ),
  stricter(
    'Field names are tokens (RFC 9110 §5.1). nginx drops such fields silently, so policies behind it may see others than before it.',
    named('field', ['high byte in a name', 'quote in a name', 'slash in a name', 'bracket in a name']),
    named('field', ['at sign in a name', 'parenthesis in a name']),
  ),
  stricter(
    'Control characters in a value are refused or replaced (RFC 9110 §5.5).',
    named('field', ['NUL in a value', 'escape in a value', 'delete in a value']),
    named('host', ['NUL', 'tab inside']),
    named('chunk', ['extension, NUL']),
  ),
  stricter(
    'Trailers are fields and keep their rules (RFC 9112 §7.1.2). Framing never stands in them (RFC 9110 §6.5.1).',
    named('chunk', ['trailer, Content-Length', 'trailer, Transfer-Encoding', 'trailer, no colon']),
    named('chunk', ['trailer, folded', 'trailer, a request']),
  ),
  stricter(
    'What has no end is limited: 16 kB of chunk extensions (RFC 9112 §7.1.1), 32 kB of trailers, 100 fields (RFC 9110 §5.4).',
    named('chunk', ['extension, 20 kB', 'trailer, 100 kB']),
    named('field', ['150 fields']),
  ),
  {
    ...stricter(
      'Blanks around a coding and in a chunk line are to be read over (RFC 9110 §5.6.3). The parser of Node refuses some of them; nobody sends them.',
      named('coding', ['blanks around']),
      named('chunk', ['extension, blank before', 'extension, blank behind', 'extension, empty']),
      named('chunk', ['size with a blank behind']),
    ),
    verdict: 'ours does less, harmless',
  },
  {
    verdict: 'harmless',
    because:
      'Node counts a chunk in 64 bits and waits for so many bytes; nothing overflows, and the wait is bounded by the upload rate.',
    differences: ['silence'],
    cases: named('chunk', ['largest size']),
  },
  {
    verdict: 'theirs is stricter, ours is right',
    because: 'Blanks and tabs around a value are no part of it (RFC 9110 §5.5).',
    differences: ['they refuse'],
    cases: named('length', ['blanks around']),
  },
  {
    verdict: 'harmless',
    because:
      'Both serve the request and nothing after it. That bytes behind it are no request is said by a 400 or by the end of the connection (RFC 9112 §2.2).',
    differences: ['answers'],
    cases: ['length/too many bytes', 'pipeline/broken in between'],
  },
]
