import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { services } from '../../services/roster.ts'
import { eventually } from '../harness/eventually.ts'

/**
 * `make deploy-systemd`: installs what is built here into a Debian with a systemd of its own, in a container, and measures what
 * README.md promises: start, watchdog, reload and upgrade under load. DOCKER_HOST names the engine; BASE the image, a Debian
 * with systemd, curl and procps. Results: test/deploy/results/systemd.md.
 */

const project = join(import.meta.dirname, '../..')
const base = process.env.BASE ?? 'gatehouse-local-systemd'
const name = `gatehouse-systemd-${process.pid}`
const rows: [what: string, figure: string][] = []

async function docker(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('docker', args, { maxBuffer: 16 * 1024 * 1024 })
  return stdout.trim()
}
const inside = (command: string) => docker('exec', name, 'sh', '-c', command)
const seconds = (began: number) => `${((performance.now() - began) / 1000).toFixed(1)} s`
const show = (what: string, figure: string) => {
  rows.push([what, figure])
  console.log(`${what}: ${figure}`)
}

/** Asks from inside until `work` is done, and answers what the askers say. */
async function underLoad(url: string, work: () => Promise<unknown>): Promise<string> {
  const node = '/src/node_modules/.bin/node'
  const load = spawn('docker', ['exec', '-i', name, node, '/src/test/deploy/load.ts', url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let said = ''
  load.stdout.on('data', (chunk) => {
    said += chunk
  })
  const ended = once(load, 'close')
  await sleep(3_000)
  await work()
  await sleep(3_000)
  load.stdin.end()
  await ended
  const { asked, failed, slowest, gap } = JSON.parse(said)
  const faults = Object.entries(failed).map(([why, count]) => `${count} × ${why}`)
  const outcome = faults.length === 0 ? '0 failed' : faults.join(', ')
  return `${asked} requests, ${outcome}; the slowest took ${slowest} ms, the longest time without an answer ${gap} ms`
}

const mainPid = () => inside('systemctl show -P MainPID gatehouse')
const workers = () => inside(`pgrep -P $(systemctl show -P MainPID gatehouse) | sort | tr '\\n' ' '`)
const isActive = (unit: string) => inside(`systemctl is-active ${unit} || true`)

/** Not all that are asked for are there on every machine. */
function capabilities(): string[] {
  const names =
    'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ'
  const bounds = /CapBnd:\s*(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return names
    .split(' ')
    .flatMap((each, bit) => ((BigInt(`0x${bounds}`) >> BigInt(bit)) & 1n ? ['--cap-add', each] : []))
}

async function boot(): Promise<void> {
  await docker(
    ...['run', '--detach', '--rm', '--name', name, ...capabilities(), '--network', 'none'],
    ...['seccomp', 'apparmor', 'systempaths'].flatMap((each) => ['--security-opt', `${each}=unconfined`]),
    ...['--tmpfs', '/run:exec,mode=755', '--tmpfs', '/tmp:exec', '--env', 'container=docker'],
    ...['--volume', '/sys/fs/cgroup:/sys/fs/cgroup', '--volume', `${project}:/src:ro`],
    ...['--volume', '/usr/lib/node_modules:/usr/lib/node_modules:ro'],
    // Without shared mounts systemd hands its credentials to nobody.
    ...[base, 'sh', '-c', 'mount --make-rshared / && exec /sbin/init'],
  )
  await eventually(async () => /running|degraded/.test(await inside('systemctl is-system-running || true')), {
    timeout: 60_000,
    every: 500,
  })
  await inside(`ip link set lo up; groupadd -f docker; systemctl -q disable --now redis-server || true
    printf '#!/bin/sh\\nexec /src/node_modules/.bin/node /usr/lib/node_modules/npm/bin/npm-cli.js "$@"\\n' >/usr/local/bin/npm
    chmod +x /usr/local/bin/npm
    mkdir -p /etc/systemd/system/gatehouse.service.d
    printf '[Service]\\nLimitNOFILE=20000\\n' >/etc/systemd/system/gatehouse.service.d/99-container.conf`)
}

const names = Object.keys(services)

async function allAnnounced(): Promise<void> {
  await eventually(
    async () => {
      const text = await inside('curl -s http://127.0.0.1:9901/v1/upstreams')
      return names.every((each) => text.includes(`"${each}"`))
    },
    { timeout: 180_000, every: 1_000 },
  )
}

/** All of it is lost, and comes back from a backup that was made while it ran. */
async function backUp(): Promise<void> {
  const units = names.map((each) => `gatehouse-${each}`).join(' ')
  const folders = '/etc/gatehouse /var/lib/gatehouse /var/lib/gatehouse-*'
  const backup = 'ROUTES_DIR=/etc/gatehouse /opt/gatehouse/deploy/backup/backup'
  let began = performance.now()
  await inside(`${backup} --stop /var/backups/running`)
  await allAnnounced()
  show('`backup --stop`, until all services are announced again', seconds(began))

  await inside(`systemctl stop gatehouse ${units}`)
  const digest = `find ${folders} -type f ! -path '*.before-restore*' -printf '%p %u %g %m ' -exec sha256sum {} \\; | sort | sha256sum`
  const before = await inside(digest)
  const made = await inside(`${backup} /var/backups/stopped 2>/tmp/sizes`)
  await inside(`rm -rf ${folders} && /src/deploy/systemd/install --no-start`)
  began = performance.now()
  await inside(`ROUTES_DIR=/etc/gatehouse /opt/gatehouse/deploy/backup/restore ${made}`)
  const same = (await inside(digest)) === before
  await inside(`/src/deploy/systemd/install >/tmp/restored.log 2>&1`)
  await allAnnounced()
  show('all of it deleted, `restore`, and all services announced', seconds(began))
  show('  every file as it was, with its owner and mode', String(same))
}

async function measure(): Promise<void> {
  let began = performance.now()
  await inside('/src/deploy/systemd/install >/tmp/install.log 2>&1 || { cat /tmp/install.log >&2; exit 1; }')
  show('`install` on a new machine, to all units active', seconds(began))
  began = performance.now()
  await allAnnounced()
  show('then, until all five services are announced', seconds(began))
  // As the runbook has it.
  await inside('cd /etc/gatehouse && ./gatehouse upstreams')
  show(
    'ports of the user `gatehouse`',
    await inside(
      `ss -Hltn | awk '{print $4}' | grep -E ':(80|443)$' | sort | tr '\\n' ' '; ps -o user= -p $(systemctl show -P MainPID gatehouse)`,
    ),
  )
  show(
    'exposure by systemd-analyze security',
    await inside(
      `for unit in gatehouse $(cd /etc/systemd/system && ls gatehouse-*.service | grep -v @ | sed s/.service//); do systemd-analyze security $unit.service | sed -n "s/.*level for \\(.*\\).service: \\([0-9.]*\\).*/\\1 \\2/p"; done | paste -sd, - | sed 's/,/, /g'`,
    ),
  )
  const url = 'https://localhost/open/'

  const before = await workers()
  show(
    '`systemctl reload gatehouse` under load',
    await underLoad(url, () => inside('systemctl reload gatehouse')),
  )
  show('  all workers are others, the primary is the same', String((await workers()) !== before))

  await inside(
    `sed -i 's/There is no such page/The build of before/' /opt/gatehouse/dist/proxy/errors.js && systemctl restart gatehouse`,
  )
  const isOld = async () =>
    (await inside('curl -sk https://localhost/open/nothing-is-here')).includes('The build of before')
  const wasOld = await isOld()
  show(
    '`install` of another build under load',
    await underLoad(url, () => inside('/src/deploy/systemd/install >/tmp/upgrade.log 2>&1')),
  )
  show('  the build of before answered, and then the new one', String(wasOld && !(await isOld())))
  show(
    '`install --back` under load',
    await underLoad(url, () => inside('/src/deploy/systemd/install --back >/tmp/upgrade.log 2>&1')),
  )
  show('  the build of before answers again', String(await isOld()))

  const restart = await underLoad(url, () => inside('systemctl restart gatehouse'))
  show('`systemctl restart gatehouse` under load: what a new primary costs', restart)

  const pid = await mainPid()
  began = performance.now()
  await inside(`kill -STOP ${pid}`)
  await eventually(async () => (await mainPid()) !== pid && (await isActive('gatehouse')) === 'active', {
    timeout: 120_000,
    every: 200,
  })
  show('a primary that hangs (SIGSTOP), until another serves (WatchdogSec=30)', seconds(began))
  show(
    '  the journal',
    await inside(`journalctl -u gatehouse --no-pager -o cat | grep -i watchdog | tail -n 1`),
  )

  const load = await underLoad(url, async () => {
    await inside(`kill -KILL $(pgrep -P $(systemctl show -P MainPID gatehouse) | head -n 1)`)
    await eventually(async () => (await workers()).split(' ').length === Number(availableParallelism()), {
      timeout: 30_000,
      every: 100,
    })
  })
  show('a worker killed under load', load)

  for (const unit of ['gatehouse-visits', 'gatehouse-camera']) {
    const started = performance.now()
    await inside(`systemctl kill -s KILL ${unit}; sleep 0.2`)
    await eventually(async () => (await isActive(unit)) === 'active', { timeout: 60_000, every: 100 })
    show(`${unit} killed, until its unit is active again`, seconds(started))
  }
  const refused = await inside(
    `cp /etc/gatehouse/routes.yaml /tmp/good; echo 'nonsense: 1' >>/etc/gatehouse/routes.yaml; sleep 3; systemctl reload gatehouse; systemctl show -P StatusText gatehouse | cut -c1-120; cat /tmp/good >/etc/gatehouse/routes.yaml`,
  )
  show('a mistake in routes.yaml, as `systemctl status` shows it', refused)
}

try {
  await boot()
  await measure()
  await backUp()
  const text = `# systemd, for real

Written by \`make deploy-systemd\`: Debian's ${await inside('systemctl --version | head -n 1')}, as process 1 of a container, ${availableParallelism()} cores, load of
the machine ${loadavg()[0]?.toFixed(0)} at the end. Load: six askers without pause, half of them over new connections.

| what | figure |
|---|---|
${rows.map(([what, figure]) => `| ${what} | ${figure.replaceAll('|', '\\|').replaceAll('\n', ' ')} |`).join('\n')}
`
  writeFileSync(join(import.meta.dirname, 'results/systemd.md'), text)
} finally {
  if (process.env.KEEP === undefined) await docker('rm', '--force', name).catch(() => {})
}
