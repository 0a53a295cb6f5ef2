// What has been chosen so far, as one value that every step reads and changes.

import { keyName, segment } from './format.js';

const KEPT_AS = 'draft';

export const DEFAULTS = Object.freeze({
  format: 'csv',
  separate_files: null, // null: the format's own default
  include_openalgo: true,
  symbol_style: 'expirytrack',
  include_metadata: false,
  excel: false,
  time_range: 'all',
  from_date: '',
  to_date: '',
  level: 'balanced',
});

export class Draft extends EventTarget {
  constructor() {
    super();
    this.names = new Map(); // key -> what to call it
    this.catalogue = []; // instruments as the server lists them
    this.chosen = new Set(); // their keys
    this.available = new Map(); // key -> dates, newest first
    this.expiries = new Map(); // key -> set of chosen dates
    this.options = { ...DEFAULTS };
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

  get expiryCount() {
    return this.instruments.reduce((sum, one) => sum + (this.expiries.get(one.key)?.size ?? 0), 0);
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

  /** The body of `POST /api/export/start`; null while nothing is chosen. */
  body() {
    const with_dates = this.instruments.filter((one) => this.expiries.get(one.key)?.size);
    if (!with_dates.length) return null;
    const { options } = this;
    const wanted = {
      include_openalgo: options.include_openalgo,
      symbol_style: options.symbol_style,
      include_metadata: options.include_metadata,
      excel: options.excel,
      separate_files: this.separate,
    };
    if (options.time_range === 'custom') {
      if (options.from_date) wanted.from_date = options.from_date;
      if (options.to_date) wanted.to_date = options.to_date;
    } else {
      wanted.time_range = options.time_range;
    }
    if (this.archive) wanted.level = options.level;
    return {
      instruments: with_dates.map((one) => one.key),
      expiries: Object.fromEntries(
        with_dates.map((one) => [one.key, [...this.expiries.get(one.key)].sort()]),
      ),
      format: options.format,
      options: wanted,
    };
  }

  /** Takes over what an earlier export asked for. */
  adopt(spec) {
    this.chosen = new Set(spec.instruments);
    this.expiries = new Map(Object.entries(spec.expiries).map(([key, days]) => [key, new Set(days)]));
    const { from_date: from, to_date: to, ...rest } = spec.options;
    this.options = {
      ...DEFAULTS,
      ...rest,
      format: spec.format,
      from_date: from ?? '',
      to_date: to ?? '',
      time_range: from || to ? 'custom' : (rest.time_range ?? 'all'),
    };
  }

  /** A reload must not cost anybody fifty ticked boxes. */
  save() {
    const kept = {
      chosen: [...this.chosen],
      expiries: [...this.expiries].filter(([, days]) => days.size).map(([key, days]) => [key, [...days]]),
      options: this.options,
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
      this.options = { ...DEFAULTS, ...kept.options };
    } catch {
      sessionStorage.removeItem(KEPT_AS);
    }
  }
}
