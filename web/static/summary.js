// A spec in words: what the review, the side panel and a task's page show.

import { el } from './dom.js';
import { bytes, capital, countExpiries, listed, number, plural } from './format.js';
import { isTable, TYPES } from './optionset.js';
import { ruleText } from './rule.js';

const FORMATS = { csv: 'CSV', json: 'JSON', zip: 'ZIP', jsonl: 'JSON Lines', parquet: 'Parquet', xlsx: 'Excel' };
const RANGES = { all: 'All data', '1d': 'Day of expiry', '7d': 'Last 7 days', '30d': 'Last 30 days', '90d': 'Last 90 days' };

const daysBefore = (days) => (days ? `expiry and ${plural(days, 'day')} before` : 'Day of expiry');

export function range(options) {
  const { from_date: from, to_date: to } = options;
  const most = options.days_before_expiry;
  if ((from || to) && typeof most === 'number') return `${range({ from_date: from, to_date: to })}, ${daysBefore(most).toLowerCase()}`;
  if (from && to) return `${from} to ${to}`;
  if (from) return `from ${from}`;
  if (to) return `until ${to}`;
  if (typeof options.days_before_expiry === 'number') return daysBefore(options.days_before_expiry);
  return RANGES[options.time_range ?? 'all'];
}

export function form(spec) {
  const { options } = spec;
  const separate = options.separate_files ?? spec.format === 'zip';
  const parts = [FORMATS[spec.format] ?? spec.format.toUpperCase()];
  const each = spec.format === 'parquet' ? 'one file per expiry' : 'one file per contract';
  parts.push(spec.format === 'xlsx' ? 'a sheet for each expiry' : separate ? each : 'one file');
  if (separate && spec.format !== 'zip') parts.push('in a ZIP');
  if (separate || spec.format === 'zip') parts.push(`${options.level ?? 'balanced'} compression`);
  else if (isSet(options.compression) && options.compression !== 'none') {
    parts.push(`${options.compression}, ${options.level ?? 'balanced'}`);
  }
  return parts.join(', ');
}

export function symbols(options) {
  if (options.include_openalgo === false) return 'None';
  return options.symbol_style === 'openalgo' ? 'OpenAlgo trading style' : 'ExpiryTrack style';
}

export function extras(spec) {
  const list = [];
  if (spec.options.include_metadata && spec.format !== 'json') list.push('contract details');
  if (spec.options.excel && isTable(spec.format)) list.push('marked for Excel');
  return list.length ? list.join(', ') : 'None';
}

const isSet = (value) => value !== null && value !== undefined && value !== '';
const between = (what, from, to) => {
  if (isSet(from) && isSet(to)) return `${what} ${from} to ${to}`;
  return isSet(from) ? `${what} from ${from}` : `${what} up to ${to}`;
};

/** Columns, separator and decimals that were chosen, or an empty text for the usual ones. */
export function columnsText(spec) {
  const { columns, delimiter, decimals } = spec.options;
  const parts = [];
  if (columns) {
    const names = columns.map((one) => (typeof one === 'string' ? one : one.as || one.name));
    parts.push(names.length > 6 ? plural(names.length, 'column') : names.join(', ') || 'no column');
  }
  if (delimiter && delimiter !== 'comma' && isTable(spec.format)) parts.push(delimiter);
  if (isSet(decimals)) parts.push(plural(decimals, 'decimal'));
  return parts.join(' · ');
}

/** The filters that are set, or an empty text. */
export function filtersText(options) {
  const parts = [];
  const { option_types: types } = options;
  if (types) parts.push(types.map((type) => TYPES[type]).join(' and ') || 'no type');
  if (isSet(options.strike_from) || isSet(options.strike_to)) parts.push(between('strikes', options.strike_from, options.strike_to));
  if (isSet(options.strikes_around)) parts.push(`${plural(options.strikes_around, 'strike')} around the money`);
  if (options.only_with_candles) parts.push('contracts with candles');
  if (options.from_time || options.to_time) parts.push(between('time', options.from_time, options.to_time));
  if (isSet(options.min_volume)) parts.push(`volume from ${number(options.min_volume)}`);
  return parts.join(' · ');
}

/** How the expiries are chosen: a rule in words, or their number. */
export function expiriesText(asked) {
  return asked.expiry_rule ? ruleText(asked.expiry_rule) : plural(countExpiries(asked), 'expiry', 'expiries');
}

export function facts(pairs) {
  return el(
    'dl',
    { class: 'facts' },
    ...pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .map(([name, value, kind]) =>
        el('div', { class: kind ?? '' }, el('dt', {}, name), el('dd', {}, value)),
      ),
  );
}

/** Name and value of everything that says how the file is made. */
export function fileFacts(spec) {
  return [
    ['Format', form(spec)],
    ['Symbols', symbols(spec.options)],
    ['Extra', extras(spec)],
    ['Columns', columnsText(spec)],
    ['Filters', filtersText(spec.options)],
    ['Time range', range(spec.options)],
  ];
}

export function specFacts(spec, name) {
  return facts([
    ['Instruments', listed(spec.instruments.map(name), 6)],
    ['Expiries', expiriesText(spec)],
    ...fileFacts(spec),
  ]);
}

/** A request in one line: what, which expiries, in which form. */
export const oneLine = (asked, name) =>
  [listed(asked.instruments.map(name)), expiriesText(asked), form({ format: 'csv', options: {}, ...asked })].join(' · ');

/** What is unusual about it, or an empty text. */
export function extraLine(asked) {
  const { options = {} } = asked;
  const days = range(options);
  const parts = [columnsText({ format: 'csv', ...asked, options }), filtersText(options), days === RANGES.all ? '' : days];
  return capital(parts.filter(Boolean).join(' · '));
}

const about = (exact, text) => (exact ? text : `about ${text}`);

export const rowsText = (preview) => about(preview.exact, number(preview.rows));
export const sizeText = (size) => (size === null ? '–' : `about ${bytes(size)}`);
