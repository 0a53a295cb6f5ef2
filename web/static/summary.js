// A spec in words: what the review, the side panel and a task's page show.

import { el } from './dom.js';
import { bytes, countExpiries, listed, number, plural } from './format.js';

const FORMATS = { csv: 'CSV', json: 'JSON', zip: 'ZIP' };
const RANGES = { all: 'All data', '1d': 'Day of expiry', '7d': 'Last 7 days', '30d': 'Last 30 days', '90d': 'Last 90 days' };

export function range(options) {
  const { from_date: from, to_date: to } = options;
  if (from && to) return `${from} to ${to}`;
  if (from) return `from ${from}`;
  if (to) return `until ${to}`;
  return RANGES[options.time_range ?? 'all'];
}

export function form(spec) {
  const { options } = spec;
  const separate = options.separate_files ?? spec.format === 'zip';
  const parts = [FORMATS[spec.format]];
  parts.push(separate ? 'one file per contract' : 'one file');
  if (separate && spec.format !== 'zip') parts.push('in a ZIP');
  if (separate || spec.format === 'zip') parts.push(`${options.level ?? 'balanced'} compression`);
  return parts.join(', ');
}

export function symbols(options) {
  if (options.include_openalgo === false) return 'None';
  return options.symbol_style === 'openalgo' ? 'OpenAlgo trading style' : 'ExpiryTrack style';
}

export function extras(spec) {
  const list = [];
  if (spec.options.include_metadata && spec.format !== 'json') list.push('contract details');
  if (spec.options.excel && spec.format !== 'json') list.push('marked for Excel');
  return list.length ? list.join(', ') : 'None';
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

export function specFacts(spec, name) {
  return facts([
    ['Instruments', listed(spec.instruments.map(name), 6)],
    ['Expiries', plural(countExpiries(spec), 'expiry', 'expiries')],
    ['Format', form(spec)],
    ['Symbols', symbols(spec.options)],
    ['Extra', extras(spec)],
    ['Time range', range(spec.options)],
  ]);
}

const about = (exact, text) => (exact ? text : `about ${text}`);

export const rowsText = (preview) => about(preview.exact, number(preview.rows));
export const sizeText = (size) => (size === null ? '–' : `about ${bytes(size)}`);
