// The options of an export as the wizard holds them, and as the server's requests say them.

export const DEFAULTS = Object.freeze({
  format: 'csv',
  separate_files: null, // null: the format's own default
  include_openalgo: true,
  symbol_style: 'expirytrack',
  include_metadata: false,
  excel: false,
  excel_times: 'text',
  excel_split: false,
  columns: null, // null: the usual ones; else [{name, as}] in the file's order
  delimiter: 'comma',
  decimals: null,
  time_range: 'all', // the server's own, or 'days' or 'custom' for what stands in fields
  days_before_expiry: null,
  from_date: '',
  to_date: '',
  from_time: '',
  to_time: '',
  min_volume: null,
  option_types: null,
  strike_from: null,
  strike_to: null,
  strikes_around: null,
  only_with_candles: false,
  compression: 'none',
  level: 'balanced',
  others: Object.freeze({}), // what the wizard has no field for, kept as it came
});

export const TYPES = { CE: 'calls', PE: 'puts', FUT: 'futures' };

// Sent only where they say something: a request stays as short as what was chosen.
const WHERE_SET = [
  'decimals', 'from_time', 'to_time', 'min_volume', 'option_types',
  'strike_from', 'strike_to', 'strikes_around', 'only_with_candles',
];
const isSet = (value) => value !== null && value !== '' && value !== false;

/** Whether the columns or the separator of a table are of use in this format. */
export const isTable = (format) => format === 'csv' || format === 'zip';

/** Whether a file of this format is text, which can be compressed as a whole. */
export const isText = (format) => format === 'csv' || format === 'json' || format === 'jsonl';

const column = ({ name, as }) => (as && as !== name ? { name, as } : name);

/** `options` of a request. `separate` and `archive` are what the format makes of them. */
export function toRequest(options, { separate, archive }) {
  const wanted = {
    include_openalgo: options.include_openalgo,
    symbol_style: options.symbol_style,
    // Columns of one's own say by themselves which details are wanted.
    include_metadata: options.include_metadata && !options.columns,
    excel: options.excel,
    separate_files: separate,
  };
  if (options.columns) wanted.columns = options.columns.map(column);
  if (options.delimiter !== 'comma' && isTable(options.format)) wanted.delimiter = options.delimiter;
  for (const name of WHERE_SET) if (isSet(options[name])) wanted[name] = options[name];
  if (options.time_range === 'custom' || options.time_range === 'days') {
    if (options.days_before_expiry !== null) wanted.days_before_expiry = options.days_before_expiry;
    if (options.time_range === 'custom' && options.from_date) wanted.from_date = options.from_date;
    if (options.time_range === 'custom' && options.to_date) wanted.to_date = options.to_date;
  } else {
    wanted.time_range = options.time_range;
  }
  if (!archive && isText(options.format) && options.compression !== 'none') wanted.compression = options.compression;
  if (archive || wanted.compression || options.format === 'parquet') wanted.level = options.level;
  if (options.format === 'xlsx') {
    if (options.excel_times !== 'text') wanted.excel_times = options.excel_times;
    if (options.excel_split) wanted.excel_split = true;
  }
  return { ...wanted, ...options.others };
}

function rangeOf({ from_date: from, to_date: to, days_before_expiry: days, time_range: range }) {
  if (from || to) return 'custom';
  return typeof days === 'number' ? 'days' : (range ?? 'all');
}

/** The wizard's options for what a request, a task or a template asks. */
export function fromRequest(format, asked = {}) {
  const set = Object.entries(asked).filter(([, value]) => value !== null && value !== undefined);
  const given = Object.fromEntries(set.filter(([name]) => name in DEFAULTS));
  return {
    ...DEFAULTS,
    ...given,
    others: Object.fromEntries(set.filter(([name]) => !(name in DEFAULTS))),
    format,
    columns: given.columns?.map((one) => (typeof one === 'string' ? { name: one, as: '' } : { name: one.name, as: one.as ?? '' })) ?? null,
    // Seconds are the server's business: a field of the page holds hours and minutes.
    from_time: (given.from_time ?? '').slice(0, 5),
    to_time: (given.to_time ?? '').slice(0, 5),
    time_range: rangeOf(given),
  };
}

const less = (a, b) => a !== null && a !== '' && b !== null && b !== '' && a > b;

/** What is wrong with the options: the id of a field and a sentence, or null. */
export function problemOf(options) {
  const { time_range: range, from_date: from, to_date: to, days_before_expiry: days } = options;
  if (range === 'custom' && !from && !to) return ['from_date', 'Enter a first or a last day, or choose another time range.'];
  if (range === 'custom' && less(from, to)) return ['to_date', 'The first day is after the last day.'];
  if (range === 'days' && days === null) return ['days_before_expiry', 'Enter how many days before the expiry, or choose another time range.'];
  if (options.columns && !options.columns.length) return ['columns', 'Choose at least one column.'];
  const heads = (options.columns ?? []).map((one) => one.as || one.name);
  const twice = heads.find((head, index) => heads.indexOf(head) !== index);
  if (twice !== undefined) return [`as-${options.columns[heads.lastIndexOf(twice)].name}`, `Two columns are headed “${twice}”.`];
  if (options.option_types && !options.option_types.length) return ['type-CE', 'Choose calls, puts or futures.'];
  if (less(options.strike_from, options.strike_to)) return ['strike_to', 'The lowest strike is above the highest.'];
  if (less(options.from_time, options.to_time)) return ['to_time', 'The first minute is after the last one.'];
  return null;
}
