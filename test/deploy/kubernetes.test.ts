import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import ts from 'typescript'
import { parse, parseAllDocuments } from 'yaml'
import { runCli } from '../harness/cli.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** The manifests of deploy/kubernetes, held against the API of Kubernetes as kubernetes-models has it. */

const project = join(import.meta.dirname, '../..')
const folder = join(project, 'deploy/kubernetes')

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
}

const manifests = ['base', 'in-flight'].flatMap((each) =>
  readdirSync(join(folder, each))
    .filter((file) => file.endsWith('.yaml') && !/^(kustomization|routes)/.test(file))
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(folder, each, file), 'utf8')).map((document, at) => ({
        where: `${each}/${file}#${at}`,
        manifest: document.toJS() as Manifest,
      })),
    ),
)

/** The module that knows a kind: `apps/v1/Deployment`. */
const moduleOf = ({ apiVersion, kind }: Manifest): string => `kubernetes-models/${apiVersion}/${kind}`

test('each manifest has what its kind requires, in the right form', async () => {
  assert.ok(manifests.length > 12)
  for (const { where, manifest } of manifests) {
    const { [manifest.kind]: Model } = await import(moduleOf(manifest))
    assert.doesNotThrow(() => new Model(manifest).validate(), where)
  }
})

test('a manifest without what its kind requires is found', async () => {
  const { Deployment } = await import('kubernetes-models/apps/v1/Deployment')
  const broken = { spec: { template: {} } } as unknown as ConstructorParameters<typeof Deployment>[0]
  assert.throws(() => new Deployment(broken).validate(), /selector/)
})

test('no manifest has a field that its kind does not know, however deep', () => {
  const good = manifests.map(({ manifest }) => manifest)
  assert.deepEqual(unknownFields(good), [])
  const typo = structuredClone(good.find(({ kind }) => kind === 'Deployment')) as Manifest
  const { template } = (typo as unknown as { spec: { template: { spec: Pod } } }).spec
  Object.assign(template.spec.containers[0] as object, { readinesProbe: {} })
  assert.match(unknownFields([typo]).join(), /readinesProbe.* does not exist/)
})

test('every pod keeps to the restricted profile, has limits, and answers probes', () => {
  const pods = manifests.flatMap(({ manifest }) =>
    manifest.kind === 'Deployment'
      ? [(manifest as unknown as { spec: { template: { spec: Pod } } }).spec.template.spec]
      : [],
  )
  assert.ok(pods.length >= 2)
  for (const pod of pods) {
    assert.equal(pod.automountServiceAccountToken, false)
    assert.equal(pod.securityContext.runAsNonRoot, true)
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault')
    for (const { securityContext, resources, livenessProbe } of pod.containers) {
      assert.deepEqual(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      assert.ok(resources.limits.memory && resources.requests.cpu && livenessProbe)
    }
  }
})

test('a pod has time for preStop and for every request that limits.stop allows', () => {
  const found = manifests.find(
    ({ manifest }) => manifest.kind === 'Deployment' && manifest.metadata.name === 'gatehouse',
  )
  const pod = (found as { manifest: unknown } as { manifest: { spec: { template: { spec: Pod } } } }).manifest
    .spec.template.spec
  const before = Number(pod.containers[0]?.lifecycle?.preStop.exec.command[1])
  const text = readFileSync(join(folder, 'base/routes.yaml'), 'utf8')
  const stop = Number(/stop: (\d+)s/.exec(text)?.[1] ?? 30)
  assert.ok(pod.terminationGracePeriodSeconds > before + stop)
})

test('the kustomizations name every file that is there', () => {
  const { resources } = parse(readFileSync(join(folder, 'base/kustomization.yaml'), 'utf8'))
  const there = readdirSync(join(folder, 'base')).filter((file) => !/^(kustomization|routes)/.test(file))
  assert.deepEqual([...resources].sort(), there.sort())
})

test('the route table of the cluster has no mistake', { timeout: 60_000 }, async (t) => {
  const scene = await tempFolder(t)
  await mkdir(join(scene, 'certs'))
  await cp(join(folder, 'base/routes.yaml'), join(scene, 'routes.yaml'))
  await writeFile(join(scene, 'certs/visits.key'), 'a secret of thirty-two bytes, or more than that')
  await writeFile(join(scene, 'certs/registration.key'), 'another one of thirty-two bytes, or more than that')
  const { stdout, stderr } = await runCli(['check', '--json'], {
    cwd: scene,
    env: { DOMAIN: 'example.com', REDIS_PASSWORD: 'x' },
  })
  const { problems } = JSON.parse(stdout || stderr) as { problems: { message: string; severity: string }[] }
  // The certificate is a Secret of the cluster.
  assert.deepEqual(
    problems.filter(({ message }) => !message.includes('certs/tls.')),
    [],
  )
})

// --- internal ---

interface Pod {
  readonly automountServiceAccountToken: boolean
  readonly terminationGracePeriodSeconds: number
  readonly securityContext: {
    readonly runAsNonRoot: boolean
    readonly seccompProfile: { readonly type: string }
  }
  readonly containers: readonly {
    readonly securityContext: object
    readonly resources: {
      readonly limits: { readonly memory: string }
      readonly requests: { readonly cpu: string }
    }
    readonly livenessProbe: object
    readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } }
  }[]
}

/**
 * The schemas of kubernetes-models let unknown fields pass, as the API server does. Its types do not: each manifest is written
 * as a literal of its type, and the compiler says what is too much.
 */
function unknownFields(all: readonly Manifest[]): string[] {
  const lines = all.flatMap((manifest, at) => [
    `import type { I${manifest.kind} as Kind${at} } from '${moduleOf(manifest)}'`,
    `export const manifest${at}: Kind${at} = ${JSON.stringify(manifest)}`,
  ])
  const file = join(project, 'manifests.generated.ts')
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile } = host
  host.fileExists = (name) => name === file || fileExists(name)
  host.getSourceFile = (name, ...rest) =>
    name === file
      ? ts.createSourceFile(name, lines.join('\n'), ts.ScriptTarget.ESNext)
      : getSourceFile(name, ...rest)
  const program = ts.createProgram([file], options, host)
  const source = program.getSourceFile(file)
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '),
  )
}
