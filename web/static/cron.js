// Cron expressions behind a few everyday choices, and back again.

const TIME = /^(\d{1,2}) (\d{1,2}) /;
export const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const SHORT = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'];

/** The five fields for a choice: `kind` trading, daily, weekly, monthly; `time` HH:MM. */
export function toCron({ kind, time, weekday, monthday }) {
  const [hour, minute] = time.split(':').map(Number);
  const at = `${minute} ${hour}`;
  if (kind === 'trading') return `${at} * * 1-5`;
  if (kind === 'weekly') return `${at} * * ${(weekday + 1) % 7}`;
  if (kind === 'monthly') return `${at} ${monthday} * *`;
  return `${at} * * *`;
}

function weekdayOf(text) {
  const named = SHORT.indexOf(text.toUpperCase());
  if (named >= 0) return named;
  // In numbers the week begins with Sunday, which is 0 and also 7.
  return /^[0-7]$/.test(text) ? (Number(text) + 6) % 7 : -1;
}

/** The choice that an expression stands for; `kind` is 'cron' where it is none of them. */
export function fromCron(cron) {
  const text = cron.trim().replace(/\s+/g, ' ');
  const match = TIME.exec(text);
  const usual = { kind: 'cron', time: '18:00', weekday: 4, monthday: 1 };
  if (!match || Number(match[1]) > 59 || Number(match[2]) > 23) return usual;
  const time = `${match[2].padStart(2, '0')}:${match[1].padStart(2, '0')}`;
  const [day, month, week] = text.slice(match[0].length).split(' ');
  if (month !== '*' || week === undefined) return usual;
  if (day === '*' && week === '*') return { ...usual, kind: 'daily', time };
  if (day === '*' && /^(mon-fri|1-5)$/i.test(week)) return { ...usual, kind: 'trading', time };
  if (day === '*' && weekdayOf(week) >= 0) return { ...usual, kind: 'weekly', time, weekday: weekdayOf(week) };
  if (week === '*' && /^([1-9]|[12]\d|3[01])$/.test(day)) return { ...usual, kind: 'monthly', time, monthday: Number(day) };
  return usual;
}
