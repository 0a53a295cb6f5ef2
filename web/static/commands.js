// A configuration as lines to paste into a shell, and copying them.

import { button, el, icon } from './dom.js';

const SAFE = /^[A-Za-z0-9_.,:/=@%+-]+$/;

/** Quoted for a POSIX shell. */
export function quote(word) {
  return SAFE.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function curlLine(body) {
  const url = `${location.origin}/api/export/start`;
  // A task's own request spells out what was left open.
  const text = JSON.stringify(body, (_, value) => (value === null ? undefined : value));
  return `curl -sS -H 'Content-Type: application/json' -d ${quote(text)} ${quote(url)}`;
}

// Flags that are an option's name with dashes, and take its value as the request says it.
const AS_NAMED = [
  'delimiter', 'decimals', 'days_before_expiry', 'from_time', 'to_time', 'min_volume',
  'strike_from', 'strike_to', 'strikes_around', 'compression',
];
const USUAL = { delimiter: 'comma', compression: 'none' };

/** Flags for an expiry rule; the command line takes every expiry where none is named. */
function ruleFlags({ last, days, from, to }) {
  if (last) return [['--last', last]];
  if (days) return [['--expiry-days', days]];
  return [['--expiry-from', from], ['--expiry-to', to]].filter(([, value]) => value);
}

function expiryFlags({ instruments, expiries, expiry_rule: rule }) {
  if (rule) return ruleFlags(rule);
  const days = instruments.map((key) => expiries[key] ?? []);
  const union = [...new Set(days.flat())].sort();
  // Where every instrument has the same dates a plain date says it; else each date names its own.
  if (days.every((list) => list.length === union.length)) return union.map((day) => ['--expiry', day]);
  return instruments.flatMap((key, i) => days[i].map((day) => ['--expiry', `${key}~~~${day}`]));
}

/** Columns as `open,close=Last`, or as JSON where a heading holds what that form means otherwise. */
function columnWords(columns) {
  if (columns.some((one) => typeof one === 'object' && /[,=]|^\s|\s$/.test(one.as))) return JSON.stringify(columns);
  return columns.map((one) => (typeof one === 'string' ? one : `${one.name}=${one.as}`)).join(',');
}

export function commandLine(body) {
  const { options } = body;
  const words = ['expirytrack', 'export'];
  const add = (flag, value) => words.push(flag, quote(String(value)));
  body.instruments.forEach((key) => add('--instrument', key));
  for (const [flag, value] of expiryFlags(body)) add(flag, value);
  add('--format', body.format);
  if (options.include_openalgo === false) words.push('--no-openalgo');
  // Without the column the style still names an archive's members.
  if (options.symbol_style) add('--symbol-style', options.symbol_style);
  if (options.include_metadata) words.push('--metadata');
  if (options.excel) words.push('--excel');
  const separate = options.separate_files ?? body.format === 'zip';
  const archive = separate || body.format === 'zip';
  words.push(separate ? '--separate-files' : '--single-file');
  if (options.columns) add('--columns', columnWords(options.columns));
  if (options.from_date) add('--from', options.from_date);
  if (options.to_date) add('--to', options.to_date);
  if (options.time_range && options.time_range !== 'all') add('--time-range', options.time_range);
  if (options.option_types) add('--option-types', options.option_types.join(','));
  if (options.excel_times && options.excel_times !== 'text') add('--excel-times', options.excel_times);
  if (options.excel_split) words.push('--excel-split');
  if (options.only_with_candles) words.push('--only-with-candles');
  for (const name of AS_NAMED) {
    const value = options[name];
    if (value === null || value === undefined || value === USUAL[name]) continue;
    add(`--${name.replaceAll('_', '-')}`, value);
  }
  if (options.level && (archive || body.format === 'parquet' || (options.compression ?? 'none') !== 'none')) add('--level', options.level);
  return words.join(' ');
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard outside a secure context: a selected text field and the old command still copy.
  }
  const field = el('textarea', { class: 'sr-only', 'aria-hidden': 'true', tabindex: '-1' });
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  return copied;
}

/** A button that copies what `text()` returns and says so in place. */
export function copyButton(label, text, { kind = 'small', described } = {}) {
  const node = button(label, { kind, iconName: 'copy', 'aria-label': described });
  const words = node.querySelector('span');
  let timer = 0;
  node.addEventListener('click', async () => {
    const copied = await copyText(text());
    words.textContent = copied ? 'Copied' : 'Press Ctrl+C';
    node.querySelector('.icon').replaceWith(icon(copied ? 'done' : 'copy'));
    document.getElementById('live').textContent = copied ? 'Copied' : 'Could not copy';
    clearTimeout(timer);
    timer = setTimeout(() => {
      words.textContent = label;
      node.querySelector('.icon').replaceWith(icon('copy'));
    }, 2000);
  });
  return node;
}

/** The same export without this page: both lines, each with its button. */
export function commandBlock(body) {
  const line = (name, text) =>
    el(
      'div',
      { class: 'command' },
      el('div', { class: 'command-head' }, el('span', {}, name), copyButton('Copy', () => text, { described: `Copy as ${name}` })),
      el('pre', { tabindex: '0', role: 'region', 'aria-label': name }, el('code', {}, text)),
    );
  return el(
    'details',
    { class: 'commands' },
    el('summary', {}, icon('chevron'), el('span', {}, 'Copy as a command line or curl')),
    line('command line', commandLine(body)),
    line('curl', curlLine(body)),
  );
}
