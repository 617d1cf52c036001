/** The parts of a JSON Schema that are read here. */
interface Node {
  description?: string
  enum?: unknown[]
  properties?: Record<string, Node>
  additionalProperties?: boolean | Node
  items?: Node
  anyOf?: Node[]
  definitions?: Record<string, Node>
}

/** Rows of key and meaning. */
export type KeyRows = string[][]

/**
 * Every key that a JSON Schema of routes.yaml describes, in its order: those of policies by themselves, because
 * they occur in two places. `<name>` stands for a name of the user's choice.
 */
export function describeKeys(schema: object): { routing: KeyRows; policies: KeyRows } {
  const root = schema as Node
  const policies = root.definitions?.policies?.properties ?? {}
  return { routing: rowsBelow(root, ''), policies: rowsOf(policies, '') }
}

/** And of the tests beside it. */
export function describeTestKeys(schema: object): KeyRows {
  return rowsBelow(schema as Node, '')
}

function rowsOf(properties: Record<string, Node>, prefix: string): KeyRows {
  return Object.entries(properties).flatMap(([key, node]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`
    return [...rowFor(node, path), ...rowsBelow(node, path)]
  })
}

function rowFor({ description, enum: values }: Node, path: string): KeyRows {
  if (description === undefined && values === undefined) return []
  const words = values?.map((value) => `\`${value}\``).join(', ')
  return [[`\`${path}\``, [description, words && `One of ${words}.`].filter(Boolean).join(' ')]]
}

function rowsBelow(node: Node, path: string): KeyRows {
  const { properties = {}, additionalProperties, items, anyOf = [] } = node
  return unique([
    ...rowsOf(properties, path),
    ...(typeof additionalProperties === 'object' ? rowsBelow(additionalProperties, `${path}.<name>`) : []),
    ...(items ? rowsBelow(items, `${path}[]`) : []),
    ...anyOf.flatMap((form) => rowsBelow(form, path)),
  ])
}

/** A key that several forms of a value have is said once. */
function unique(rows: KeyRows): KeyRows {
  return [...new Map(rows.toReversed().map((row) => [row[0], row])).values()].reverse()
}
