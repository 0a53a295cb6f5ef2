// Expiries by a rule, which finds new ones every time it is used.

import { day, plural } from './format.js';

const INDIA = (5 * 60 + 30) * 60 * 1000;

/** Today in Indian time, as a date. */
export const today = () => new Date(Date.now() + INDIA).toISOString().slice(0, 10);

function daysAgo(iso, days) {
  const then = new Date(`${iso}T00:00:00Z`);
  then.setUTCDate(then.getUTCDate() - days);
  return then.toISOString().slice(0, 10);
}

/** The dates (newest first) that the rule takes now. The server decides again when it runs. */
export function resolve(rule, dates) {
  if (rule.last) return dates.slice(0, rule.last);
  if (rule.all) return dates;
  if (rule.days) {
    const now = today();
    const first = daysAgo(now, rule.days);
    return dates.filter((iso) => iso >= first && iso <= now);
  }
  return dates.filter((iso) => (!rule.from || iso >= rule.from) && (!rule.to || iso <= rule.to));
}

/** The rule in words: `the last 4 expiries`. */
export function ruleText(rule) {
  if (rule.all) return 'every expiry';
  if (rule.last) return rule.last === 1 ? 'the last expiry' : `the last ${plural(rule.last, 'expiry', 'expiries')}`;
  if (rule.days) return `expiries of the last ${plural(rule.days, 'day')}`;
  if (rule.from && rule.to) return `expiries from ${day(rule.from)} to ${day(rule.to)}`;
  if (rule.from) return `expiries from ${day(rule.from)}`;
  return rule.to ? `expiries until ${day(rule.to)}` : 'expiries between two dates';
}

/** What is wrong with a rule, or null. */
export function ruleProblem(rule) {
  if ('last' in rule && !(rule.last >= 1)) return 'Enter how many of the newest expiries.';
  if ('days' in rule && !(rule.days >= 1)) return 'Enter how many days back.';
  if (('from' in rule || 'to' in rule) && !rule.from && !rule.to) return 'Enter a first or a last date of the expiries.';
  if (rule.from && rule.to && rule.from > rule.to) return 'The first date is after the last one.';
  return null;
}
