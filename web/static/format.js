// Numbers, sizes, times and names as people read them.

const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
// Of its own, because en-GB says Sept and no other month in four letters.
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const INDIA = (5 * 60 + 30) * 60 * 1000;
const WEEKDAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short', timeZone: 'UTC' });

export const STATES = {
  queued: 'Queued', processing: 'Running', completed: 'Completed',
  failed: 'Failed', cancelled: 'Cancelled', expired: 'Expired',
};
export const FINAL = new Set(['completed', 'failed', 'cancelled', 'expired']);

export const number = (value) => (typeof value === 'number' ? whole.format(value) : '–');
export const short = (value) => (value < 10000 ? whole.format(value) : compact.format(value));
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export function bytes(value) {
  if (typeof value !== 'number') return '–';
  let size = value;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (size < 1000) return `${unit === 'B' || size >= 100 ? Math.round(size) : size.toFixed(1)} ${unit}`;
    size /= 1000;
  }
  return `${size.toFixed(1)} TB`;
}

export function duration(seconds) {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min ${left % 60} s`;
  if (left < 86400) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  return `${Math.floor(left / 86400)} d ${Math.floor((left % 86400) / 3600)} h`;
}

export function age(iso, now = Date.now()) {
  const seconds = (now - Date.parse(iso)) / 1000;
  if (!(seconds >= 45)) return 'just now';
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  const days = Math.round(seconds / 86400);
  return days === 1 ? 'yesterday' : `${days} days ago`;
}

/** `2025-09-16` as `16 Sep 2025`, kept on one line. */
export const day = (iso) => `${iso.slice(8, 10)}\u00a0${MONTHS[Number(iso.slice(5, 7)) - 1]}\u00a0${iso.slice(0, 4)}`;
export const weekday = (iso) => WEEKDAY.format(new Date(`${iso}T00:00:00Z`));

/** A moment in Indian time, whatever zone the browser is in. */
export function moment(iso) {
  if (!iso) return '–';
  const india = new Date(Date.parse(iso) + INDIA).toISOString();
  return `${day(india.slice(0, 10))}, ${india.slice(11, 19)}`;
}

/** `NSE_INDEX|Nifty 50` without a catalogue at hand: what stands after the bar. */
export const keyName = (key) => key.slice(key.indexOf('|') + 1);

export const segment = (key) => key.slice(0, key.indexOf('|')).replaceAll('_', ' ');

export function countExpiries(spec) {
  const { expiries = {} } = spec;
  return Array.isArray(expiries)
    ? expiries.length
    : Object.values(expiries).reduce((sum, days) => sum + days.length, 0);
}

export function listed(names, most = 3) {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Warnings come as clauses; on their own line they are sentences. */
export function sentence(text) {
  const start = capital(text);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}
