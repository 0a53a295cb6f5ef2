// What has been chosen so far, as one value that every step reads and changes.

import { keyName, segment } from './format.js';
import { DEFAULTS, fromRequest, problemOf, toRequest } from './optionset.js';
import { resolve, ruleProblem } from './rule.js';

const KEPT_AS = 'draft';
const FIRST_RULE = Object.freeze({ last: 4 });

/** Dates by instrument, from either form of a request. */
function byInstrument(expiries = {}) {
  const found = new Map();
  const pairs = Array.isArray(expiries)
    ? expiries.map((text) => text.split('~~~'))
    : Object.entries(expiries).flatMap(([key, days]) => days.map((iso) => [key, iso]));
  for (const [key, iso] of pairs) found.set(key, (found.get(key) ?? new Set()).add(iso));
  return found;
}

export class Draft extends EventTarget {
  constructor() {
    super();
    this.names = new Map(); // key -> what to call it
    this.catalogue = []; // instruments as the server lists them
    this.chosen = new Set(); // their keys
    this.available = new Map(); // key -> dates, newest first
    this.expiries = new Map(); // key -> set of chosen dates
    this.byRule = false; // whether `rule` chooses the expiries instead of the boxes
    this.rule = { ...FIRST_RULE };
    this.options = { ...DEFAULTS };
    this.origin = null; // {kind, id, name}: the template or schedule that is being changed
  }

  /** As on the first visit. */
  clear() {
    this.chosen.clear();
    this.expiries.clear();
    this.byRule = false;
    this.rule = { ...FIRST_RULE };
    this.options = { ...DEFAULTS };
    this.origin = null;
    this.changed('all');
  }

  changed(what) {
    this.dispatchEvent(new CustomEvent('change', { detail: what }));
  }

  get catalogue() {
    return this.listed;
  }

  set catalogue(listed) {
    this.listed = listed;
    const count = new Map();
    for (const { name } of listed) count.set(name, (count.get(name) ?? 0) + 1);
    this.names = new Map(listed.map(({ key, name }) => [key, count.get(name) > 1 ? `${name} (${segment(key)})` : name]));
  }

  /** An instrument's name; of two of one name (USDINR on two exchanges) each says its segment. */
  name(key) {
    return this.names.get(key) ?? keyName(key);
  }

  /** Chosen instruments in the order of the list. */
  get instruments() {
    return this.catalogue.filter((one) => this.chosen.has(one.key));
  }

  days(key) {
    let days = this.expiries.get(key);
    if (!days) this.expiries.set(key, (days = new Set()));
    return days;
  }

  /** The chosen dates of an instrument, newest first, whichever way they are chosen. */
  dates(key) {
    if (this.byRule) return ruleProblem(this.rule) ? [] : resolve(this.rule, this.available.get(key) ?? []);
    return [...(this.expiries.get(key) ?? [])].sort().reverse();
  }

  get expiryCount() {
    return this.instruments.reduce((sum, one) => sum + this.dates(one.key).length, 0);
  }

  get separate() {
    return this.options.separate_files ?? this.options.format === 'zip';
  }

  get archive() {
    return this.separate || this.options.format === 'zip';
  }

  /** Forgets what the database does not have (any more). */
  prune() {
    const known = new Set(this.catalogue.map((one) => one.key));
    this.chosen = new Set([...this.chosen].filter((key) => known.has(key)));
    for (const [key, dates] of this.available) {
      const still = new Set(dates);
      this.expiries.set(key, new Set([...this.days(key)].filter((day) => still.has(day))));
    }
  }

  /** The body of `POST /api/export/start`; null while nothing is chosen, or an option is wrong. */
  body() {
    if (problemOf(this.options)) return null;
    const chosen = this.byRule && !ruleProblem(this.rule)
      ? this.instruments
      : this.instruments.filter((one) => this.dates(one.key).length);
    if (!chosen.length) return null;
    const expiries = this.byRule
      ? { expiry_rule: this.rule }
      : { expiries: Object.fromEntries(chosen.map((one) => [one.key, this.dates(one.key).reverse()])) };
    return {
      instruments: chosen.map((one) => one.key),
      ...expiries,
      format: this.options.format,
      options: toRequest(this.options, this),
    };
  }

  /** Takes over what an earlier export or a template asks for. */
  adopt(asked, origin = null) {
    this.chosen = new Set(asked.instruments);
    this.byRule = Boolean(asked.expiry_rule);
    this.rule = { ...(asked.expiry_rule ?? FIRST_RULE) };
    this.expiries = byInstrument(asked.expiries);
    this.options = fromRequest(asked.format, asked.options);
    this.origin = origin;
  }

  /** A reload must not cost anybody fifty ticked boxes. */
  save() {
    const kept = {
      chosen: [...this.chosen],
      expiries: [...this.expiries].filter(([, days]) => days.size).map(([key, days]) => [key, [...days]]),
      byRule: this.byRule,
      rule: this.rule,
      options: this.options,
      origin: this.origin,
    };
    try {
      sessionStorage.setItem(KEPT_AS, JSON.stringify(kept));
    } catch {
      // Full or forbidden storage costs only this convenience.
    }
  }

  restore() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT_AS));
      if (!kept) return;
      this.chosen = new Set(kept.chosen);
      this.expiries = new Map(kept.expiries.map(([key, days]) => [key, new Set(days)]));
      this.byRule = Boolean(kept.byRule);
      this.rule = kept.rule ?? { ...FIRST_RULE };
      this.options = { ...DEFAULTS, ...kept.options };
      this.origin = kept.origin ?? null;
    } catch {
      sessionStorage.removeItem(KEPT_AS);
    }
  }
}
