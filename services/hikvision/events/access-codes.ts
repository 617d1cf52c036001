export type Outcome = 'granted' | 'denied'

export interface AccessCode {
  readonly title: string
  /** Whether somebody was let in. Undefined where nobody asked to be. */
  readonly outcome?: Outcome
}

/**
 * What the numbers of an access terminal mean: major (1 alarm, 2 exception, 3 operation, 5 event) and minor. These are
 * the ones that people ask about; another keeps its numbers and is called by them.
 */
export function accessCodeOf(major: number, minor: number): AccessCode {
  const title = titles[`${major}/${minor}`]
  if (title === undefined) return { title: `${majors[major] ?? 'Event'} ${major}/${minor}` }
  return { title, outcome: major === 5 ? outcomeOf(minor) : undefined }
}

// --- internal ---

const majors: Readonly<Record<number, string>> = {
  1: 'Alarm',
  2: 'Exception',
  3: 'Operation',
  4: 'Information',
  5: 'Event',
}

const granted = new Set([
  1, 2, 15, 34, 38, 40, 43, 46, 54, 57, 60, 63, 66, 69, 72, 75, 77, 101, 105, 144, 153, 156, 158, 159, 179,
  181, 190, 219, 226, 227, 1799, 2061,
])
const denied = new Set([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 36, 39, 41, 42, 44, 45, 47, 48, 49, 55, 56, 58, 59, 61, 62, 64, 65,
  67, 68, 70, 71, 73, 74, 76, 78, 79, 80, 102, 103, 104, 112, 113, 117, 118, 145, 150, 151, 152, 154, 155,
  157, 160, 191, 192, 220, 228, 1800, 2062,
])

function outcomeOf(minor: number): Outcome | undefined {
  return granted.has(minor) ? 'granted' : denied.has(minor) ? 'denied' : undefined
}

const titles: Readonly<Record<string, string>> = {
  '1/1028': 'Zone tampered with',
  '1/1030': 'Card reader tampered with',
  '1/1031': 'Card reader tampering over',
  '1/1034': 'Under duress',
  '1/1036': 'Too many wrong cards',
  '1/1039': 'Door control unit tampered with',
  '2/36': 'Disk error',
  '2/38': 'Address conflict',
  '2/39': 'Network lost',
  '2/58': 'RS-485 lost',
  '2/59': 'RS-485 back',
  '2/1024': 'Powered on',
  '2/1025': 'Powered off',
  '2/1026': 'Watchdog reset',
  '2/1027': 'Battery low',
  '2/1028': 'Battery back to normal',
  '2/1029': 'Mains power lost',
  '2/1030': 'Mains power back',
  '2/1031': 'Network back',
  '2/1033': 'Card reader lost',
  '2/1034': 'Card reader back',
  '2/1039': 'Door control unit lost',
  '2/1040': 'Door control unit back',
  '2/1055': 'Fingerprint module lost',
  '2/1056': 'Fingerprint module back',
  '2/1057': 'Camera lost',
  '2/1058': 'Camera back',
  '3/65': 'Started',
  '3/66': 'Shut down',
  '3/80': 'Local login',
  '3/81': 'Local logout',
  '3/112': 'Remote login',
  '3/113': 'Remote logout',
  '3/119': 'Settings changed remotely',
  '3/121': 'Armed remotely',
  '3/122': 'Disarmed remotely',
  '3/123': 'Restarted remotely',
  '3/126': 'Upgraded remotely',
  '3/240': 'Activated locally',
  '3/241': 'Activated remotely',
  '3/242': 'Reset locally',
  '3/243': 'Reset remotely',
  '3/1024': 'Door opened remotely',
  '3/1025': 'Door closed remotely',
  '3/1026': 'Door kept open remotely',
  '3/1027': 'Door kept closed remotely',
  '3/1028': 'Clock set by hand',
  '3/1029': 'Clock set by NTP',
  '3/1030': 'All cards removed',
  '5/1': 'Card accepted',
  '5/2': 'Card and password accepted',
  '5/3': 'Card and password refused',
  '5/4': 'Card and password timed out',
  '5/6': 'No permission',
  '5/7': 'Card outside its hours',
  '5/8': 'Card expired',
  '5/9': 'Card unknown',
  '5/10': 'Anti-passback refused',
  '5/11': 'Interlocked door is open',
  '5/19': 'Door stays open',
  '5/20': 'Door no longer stays open',
  '5/21': 'Door unlocked',
  '5/22': 'Door locked',
  '5/23': 'Exit button pressed',
  '5/24': 'Exit button released',
  '5/25': 'Door opened',
  '5/26': 'Door closed',
  '5/27': 'Door forced open',
  '5/28': 'Door held open',
  '5/37': 'Doorbell',
  '5/38': 'Fingerprint accepted',
  '5/39': 'Fingerprint refused',
  '5/40': 'Card and fingerprint accepted',
  '5/41': 'Card and fingerprint refused',
  '5/46': 'Fingerprint and password accepted',
  '5/47': 'Fingerprint and password refused',
  '5/49': 'Fingerprint unknown',
  '5/51': 'Call to the centre',
  '5/54': 'Face and fingerprint accepted',
  '5/55': 'Face and fingerprint refused',
  '5/57': 'Face and password accepted',
  '5/58': 'Face and password refused',
  '5/60': 'Face and card accepted',
  '5/61': 'Face and card refused',
  '5/69': 'Employee number and fingerprint accepted',
  '5/70': 'Employee number and fingerprint refused',
  '5/75': 'Face accepted',
  '5/76': 'Face refused',
  '5/77': 'Employee number and face accepted',
  '5/78': 'Employee number and face refused',
  '5/80': 'Face not recognised',
  '5/101': 'Employee number and password accepted',
  '5/102': 'Employee number and password refused',
  '5/104': 'No living person in front',
  '5/105': 'Person and identity card match',
  '5/112': 'Person and identity card do not match',
  '5/113': 'On the blocklist',
  '5/117': 'Refused: the door stays closed',
  '5/133': 'Tailgating',
  '5/135': 'Forced passage',
  '5/150': 'Password refused',
  '5/151': 'Passwords differ',
  '5/152': 'Employee number unknown',
  '5/153': 'Combined check accepted',
  '5/154': 'Combined check timed out',
  '5/156': 'QR code accepted',
  '5/157': 'QR code refused',
  '5/159': 'Bluetooth accepted',
  '5/160': 'Bluetooth refused',
  '5/181': 'Password accepted',
  '5/190': 'Iris accepted',
  '5/191': 'Iris refused',
  '5/226': 'Employee number accepted',
  '5/227': 'NFC accepted',
  '5/228': 'NFC refused',
}
