import { isBranch } from '../events/tree.ts'
import { DeviceRefusal } from './answer.ts'
import type { Isapi } from './client.ts'
import { isUnsupported } from './persons.ts'

/** Brings the cards of a person to these: the missing are added, others that the person has there are removed. */
export async function putCards(isapi: Isapi, number: string, wanted: readonly string[]): Promise<void> {
  const present = await cardsOf(isapi, number)
  const surplus = present.filter((card) => !wanted.includes(card))
  if (surplus.length > 0)
    await isapi.call({
      method: 'PUT',
      path: 'AccessControl/CardInfo/Delete?format=json',
      json: { CardInfoDelCond: { CardNoList: surplus.map((cardNo) => ({ cardNo })) } },
    })
  for (const card of wanted) if (!present.includes(card)) await putCard(isapi, number, card)
}

// --- internal ---

async function cardsOf(isapi: Isapi, number: string): Promise<string[]> {
  const cards: string[] = []
  const searchID = crypto.randomUUID()
  // A person has a handful of cards; a device that never ends to have more is not believed.
  for (let round = 0; round < 20; round += 1) {
    const json = {
      CardInfoSearchCond: {
        searchID,
        searchResultPosition: cards.length,
        maxResults: 30,
        EmployeeNoList: [{ employeeNo: number }],
      },
    }
    const answer = await isapi.call({
      method: 'POST',
      path: 'AccessControl/CardInfo/Search?format=json',
      json,
    })
    const found = isBranch(answer.CardInfoSearch) ? answer.CardInfoSearch : answer
    const list = Array.isArray(found.CardInfo) ? found.CardInfo : []
    cards.push(
      ...list.flatMap((each) => (isBranch(each) && each.cardNo !== undefined ? [String(each.cardNo)] : [])),
    )
    if (found.responseStatusStrg !== 'MORE' || list.length === 0) break
  }
  return cards
}

async function putCard(isapi: Isapi, number: string, card: string): Promise<void> {
  const json = { CardInfo: { employeeNo: number, cardNo: card, cardType: 'normalCard' } }
  try {
    await isapi.call({ method: 'PUT', path: 'AccessControl/CardInfo/SetUp?format=json', json })
  } catch (error) {
    if (!isUnsupported(error)) throw error
    await isapi
      .call({ method: 'POST', path: 'AccessControl/CardInfo/Record?format=json', json })
      .catch((reason: unknown) => {
        // Left by an attempt whose answer was lost.
        if (!(reason instanceof DeviceRefusal) || !/^cardNoAlreadyExist$/i.test(reason.code)) throw reason
      })
  }
}
