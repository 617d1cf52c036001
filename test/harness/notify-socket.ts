import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from './eventually.ts'
import { pathOf } from './parts.ts'
import { onEnd, type Teardown } from './teardown.ts'

/** The socket on which a service manager hears its services, and what it heard: one datagram an entry. */
export interface NotifySocket {
  /** For NOTIFY_SOCKET. */
  readonly address: string
  readonly heard: string[]
  /** Waits for one that matches. */
  hears(pattern: RegExp, timeout?: number): Promise<string>
}

/** One datagram a line, as JSON would have it; a descriptor that comes along is closed by not being taken. */
const listener = `
  use Socket; $| = 1;
  socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die $!;
  (my $name = $ARGV[0]) =~ s/^\\@/\\0/;
  bind($s, pack("S", AF_UNIX) . $name) or die "bind: $!";
  print "bound\\n";
  while (defined recv($s, my $text, 65536, 0)) { $text =~ s/\\n/\\\\n/g; print "$text\\n" }
`

/** `address`: a path, or `@name` for the abstract namespace. */
export async function openNotifySocket(t: Teardown, address: string): Promise<NotifySocket> {
  const child = spawn(pathOf('perl'), ['-e', listener, address], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  onEnd(t, async () => {
    child.kill('SIGKILL')
    await ended
  })
  let text = ''
  const heard: string[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    heard.push(...lines.map((line) => line.replaceAll('\\n', '\n')))
  })
  await eventually(() => heard.shift() === 'bound')
  return {
    address,
    heard,
    hears: (pattern, timeout = 15_000) =>
      eventually(
        () => {
          const found = heard.find((word) => pattern.test(word))
          if (found === undefined)
            throw new Error(`Nobody said ${pattern}. It heard:\n${heard.join('\n--\n')}`)
          return found
        },
        { timeout },
      ),
  }
}
