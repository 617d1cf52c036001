/** What a simulated device holds, and what it says to those who change it: tree in, tree out. */
export interface PeopleStore {
  readonly persons: Map<string, Record<string, unknown>>
  /** Card to person. */
  readonly cards: Map<string, string>
  readonly faces: Map<string, Buffer>
}

export interface StoreAnswer {
  readonly status: number
  readonly json: Record<string, unknown>
}

export function emptyStore(): PeopleStore {
  return { persons: new Map(), cards: new Map(), faces: new Map() }
}

const ok: StoreAnswer = {
  status: 200,
  json: { statusCode: 1, statusString: 'OK', subStatusCode: 'ok' },
}

/** A refusal in the words of such devices. */
export function refusal(statusCode: number, subStatusCode: string, status = 400): StoreAnswer {
  const statusString =
    statusCode === 2 ? 'Device Busy' : statusCode === 3 ? 'Device Error' : 'Invalid Operation'
  return { status, json: { statusCode, statusString, subStatusCode, errorCode: 1, errorMsg: subStatusCode } }
}

type Body = Record<string, unknown>

/** The calls that change or search people, by method and path. */
export const storeCalls: Readonly<
  Record<string, (store: PeopleStore, body: Body, parts: readonly Buffer[]) => StoreAnswer>
> = {
  'PUT /ISAPI/AccessControl/UserInfo/SetUp': (store, { UserInfo: user }) => keepPerson(store, user),
  'POST /ISAPI/AccessControl/UserInfo/Record': (store, { UserInfo: user }) =>
    store.persons.has(numberOf(user)) ? refusal(6, 'employeeNoAlreadyExist') : keepPerson(store, user),
  'PUT /ISAPI/AccessControl/UserInfo/Modify': (store, { UserInfo: user }) =>
    store.persons.has(numberOf(user)) ? keepPerson(store, user) : refusal(6, 'employeeNoNotExist'),
  'POST /ISAPI/AccessControl/UserInfo/Search': (store, { UserInfoSearchCond: condition }) => {
    const found = listed(condition).filter((number) => store.persons.has(number))
    const matches = found.map((number) => ({
      ...store.persons.get(number),
      numOfFace: store.faces.has(number) ? 1 : 0,
    }))
    return searched('UserInfoSearch', 'UserInfo', matches)
  },
  'PUT /ISAPI/AccessControl/UserInfo/Delete': (store, { UserInfoDelCond: condition }) =>
    drop(store, listed(condition)),
  'PUT /ISAPI/AccessControl/UserInfoDetail/Delete': (store, { UserInfoDetail: detail }) =>
    (detail as { mode?: string }).mode === 'byEmployeeNo'
      ? drop(store, listed(detail))
      : refusal(6, 'badParameters'),
  'GET /ISAPI/AccessControl/UserInfoDetail/DeleteProcess': () => ({
    status: 200,
    json: { UserInfoDetailDeleteProcess: { status: 'success' } },
  }),
  'POST /ISAPI/AccessControl/CardInfo/Search': (store, { CardInfoSearchCond: condition }) => {
    const numbers = listed(condition)
    const matches = [...store.cards].flatMap(([cardNo, employeeNo]) =>
      numbers.includes(employeeNo) ? [{ employeeNo, cardNo, cardType: 'normalCard' }] : [],
    )
    return searched('CardInfoSearch', 'CardInfo', matches)
  },
  'PUT /ISAPI/AccessControl/CardInfo/SetUp': (store, { CardInfo: card }) => keepCard(store, card),
  'POST /ISAPI/AccessControl/CardInfo/Record': (store, { CardInfo: card }) =>
    store.cards.has((card as { cardNo: string }).cardNo)
      ? refusal(6, 'cardNoAlreadyExist')
      : keepCard(store, card),
  'PUT /ISAPI/AccessControl/CardInfo/Delete': (store, { CardInfoDelCond: condition }) => {
    for (const { cardNo } of (condition as { CardNoList?: { cardNo: string }[] }).CardNoList ?? [])
      store.cards.delete(cardNo)
    return ok
  },
  'PUT /ISAPI/Intelligent/FDLib/FDSetUp': (store, _body, parts) => keepFace(store, parts),
  'POST /ISAPI/Intelligent/FDLib/FaceDataRecord': (store, _body, parts) =>
    store.faces.has(faceNumber(parts)) ? refusal(6, 'deviceUserAlreadyExistFace') : keepFace(store, parts),
  'PUT /ISAPI/Intelligent/FDLib/FDSearch/Delete': (store, body) => {
    for (const { value } of (body as { FPID?: { value: string }[] }).FPID ?? []) store.faces.delete(value)
    return ok
  },
}

// --- internal ---

function numberOf(user: unknown): string {
  return String((user as { employeeNo?: unknown } | undefined)?.employeeNo ?? '')
}

function listed(condition: unknown): string[] {
  const { EmployeeNoList: list } = (condition ?? {}) as { EmployeeNoList?: { employeeNo: string }[] }
  return (list ?? []).map(({ employeeNo }) => employeeNo)
}

function keepPerson(store: PeopleStore, user: unknown): StoreAnswer {
  const number = numberOf(user)
  if (number === '' || number.length > 32) return refusal(6, 'badParameters')
  if (!Array.isArray((user as { RightPlan?: unknown }).RightPlan)) return refusal(6, 'MessageParametersLack')
  store.persons.set(number, { ...store.persons.get(number), ...(user as object) })
  return ok
}

function drop(store: PeopleStore, numbers: readonly string[]): StoreAnswer {
  for (const number of numbers) {
    store.persons.delete(number)
    store.faces.delete(number)
    for (const [card, owner] of store.cards) if (owner === number) store.cards.delete(card)
  }
  return ok
}

function keepCard(store: PeopleStore, card: unknown): StoreAnswer {
  const { employeeNo, cardNo } = card as { employeeNo: string; cardNo: string }
  if (!store.persons.has(employeeNo)) return refusal(6, 'employeeNoNotExist')
  store.cards.set(cardNo, employeeNo)
  return ok
}

function faceNumber(parts: readonly Buffer[]): string {
  return String((JSON.parse(parts[0]?.toString() ?? '{}') as { FPID?: string }).FPID ?? '')
}

/** The words first, then the picture: such a device takes them in no other order. */
function keepFace(store: PeopleStore, parts: readonly Buffer[]): StoreAnswer {
  const [words, picture] = parts
  if (words?.[0] !== 0x7b || picture === undefined) return refusal(5, 'badJsonFormat')
  const number = faceNumber(parts)
  if (!store.persons.has(number)) return refusal(6, 'employeeNoNotExist')
  if (picture[0] !== 0xff || picture[1] !== 0xd8) return refusal(4, 'SubpicAnalysisModelingError')
  if (picture.length > 200_000) return refusal(3, 'pictureSizeExceedLimit')
  store.faces.set(number, picture)
  return ok
}

/** Without a match the list is absent. */
function searched(name: string, list: string, matches: readonly unknown[]): StoreAnswer {
  const count = { numOfMatches: matches.length, totalMatches: matches.length, searchID: '1' }
  const found =
    matches.length === 0 ? { responseStatusStrg: 'NO MATCH' } : { responseStatusStrg: 'OK', [list]: matches }
  return { status: 200, json: { [name]: { ...count, ...found } } }
}
