// What instruments are called, on pages that do not list them.

import { api } from './api.js';
import { keyName } from './format.js';

const names = new Map();

export const name = (key) => names.get(key) ?? keyName(key);

/** Every instrument as the server lists it; none if it cannot be asked, and keys stand in for names. */
export async function learnNames() {
  try {
    const { instruments } = await api.instruments();
    instruments.forEach((one) => names.set(one.key, one.name));
    return instruments;
  } catch {
    // The status page says what is wrong; names are only a nicety here.
    return [];
  }
}
