import { setTimeout as sleep } from 'node:timers/promises'
import { isBranch } from '../events/tree.ts'
import { DeviceRefusal } from './answer.ts'
import type { Isapi } from './client.ts'

export interface DevicePerson {
  /** Letters and digits; devices take 32 bytes at most. */
  readonly number: string
  readonly name: string
  readonly type: 'normal' | 'visitor' | 'blackList'
  /** `2026-01-31T00:00:00`, on the device's own clock. */
  readonly validFrom: string
  readonly validTo: string
  readonly doors: readonly number[]
}

/** Firmware that has no such function says so in one of these ways. */
export function isUnsupported(error: unknown): boolean {
  if (!(error instanceof DeviceRefusal)) return false
  return /^(notSupport|methodNotAllowed|invalidOperation|notSupported|http-(400|403|404|405|501))$/i.test(
    error.code,
  )
}

/**
 * Makes or changes a person. Some firmware has one call for both; where it has not, a person who is there already is
 * changed, so that a repetition after a lost answer does no harm.
 */
export async function putPerson(isapi: Isapi, person: DevicePerson): Promise<void> {
  const json = { UserInfo: userInfo(person) }
  const path = (name: string) => `AccessControl/UserInfo/${name}?format=json`
  try {
    await isapi.call({ method: 'PUT', path: path('SetUp'), json })
    return
  } catch (error) {
    if (!isUnsupported(error)) throw error
  }
  try {
    await isapi.call({ method: 'POST', path: path('Record'), json })
  } catch (error) {
    if (!(error instanceof DeviceRefusal) || !/^employeeNoAlreadyExist$/i.test(error.code)) throw error
    await isapi.call({ method: 'PUT', path: path('Modify'), json })
  }
}

/** Milliseconds between questions whether a removal has ended, and how often it is asked. */
const [pause, most] = [500, 40]

/** Removes a person with cards and face. One who is not there is removed already. */
export async function removePerson(isapi: Isapi, number: string): Promise<void> {
  const list = [{ employeeNo: number }]
  try {
    await isapi.call({
      method: 'PUT',
      path: 'AccessControl/UserInfoDetail/Delete?format=json',
      // Never by another mode: `all` is everybody.
      json: { UserInfoDetail: { mode: 'byEmployeeNo', EmployeeNoList: list } },
    })
    await deleted(isapi)
  } catch (error) {
    if (isGone(error)) return
    if (!isUnsupported(error)) throw error
    const json = { UserInfoDelCond: { EmployeeNoList: list } }
    await isapi
      .call({ method: 'PUT', path: 'AccessControl/UserInfo/Delete?format=json', json })
      .catch((reason: unknown) => {
        if (!isGone(reason)) throw reason
      })
  }
}

// --- internal ---

function userInfo({ number, name, type, validFrom, validTo, doors }: DevicePerson) {
  return {
    employeeNo: number,
    name,
    userType: type,
    Valid: { enable: true, beginTime: validFrom, endTime: validTo, timeType: 'local' },
    doorRight: doors.join(),
    // Without a plan the person is stored and opens no door.
    RightPlan: doors.map((doorNo) => ({ doorNo, planTemplateNo: '1' })),
  }
}

function isGone(error: unknown): boolean {
  return error instanceof DeviceRefusal && /^employeeNoNotExist$/i.test(error.code)
}

async function deleted(isapi: Isapi): Promise<void> {
  for (let asked = 0; asked < most; asked += 1) {
    const path = 'AccessControl/UserInfoDetail/DeleteProcess?format=json'
    const answer = await isapi.call({ method: 'GET', path })
    const process = isBranch(answer.UserInfoDetailDeleteProcess) ? answer.UserInfoDetailDeleteProcess : answer
    if (process.status === 'success') return
    if (process.status === 'failed')
      throw new DeviceRefusal('deleteFailed', 'the device could not remove the person', true)
    await sleep(pause)
  }
  throw new DeviceRefusal('deleteProcessing', 'the device is still removing the person', true)
}
