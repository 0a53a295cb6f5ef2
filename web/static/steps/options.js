// Step 3: the form of the file, with its first lines as they will be.

import { api, explain } from '../api.js';
import { breakable, byId, message, setAttributes, setText, show } from '../dom.js';
import { exampleText } from '../example.js';
import { isTable, isText, problemOf } from '../optionset.js';
import { columnsText, filtersText } from '../summary.js';
import { columnChooser } from './columns.js';
import { bound, filterFields, tell, typed } from './filters.js';

const LEVELS = {
  fast: 'Least time, the largest file.',
  balanced: 'A good middle.',
  small: 'The smallest file, takes longer.',
};
const RANGES = {
  all: 'Every candle that is stored.',
  '1d': 'The day of expiry.',
  '7d': 'The 7 days up to and including each expiry.',
  '30d': 'The 30 days up to and including each expiry.',
  '90d': 'The 90 days up to and including each expiry.',
  days: 'So many days before each expiry, and its day. 0 is the day of expiry alone.',
  custom: 'Both days included, in Indian time. Either may stay empty.',
};
const COMPRESSIONS = {
  none: 'Opens everywhere as it is.',
  gzip: 'A .gz file, which nearly every tool reads.',
  zstd: 'A .zst file: smaller and faster, for newer tools.',
};
const FLAGS = ['include_openalgo', 'include_metadata', 'excel', 'excel_split'];

export function optionsStep(draft, estimator) {
  const form = byId('form');
  const radios = (name) => [...form.querySelectorAll(`input[name="${name}"]`)];
  const pick = (name, value) => radios(name).forEach((radio) => (radio.checked = radio.value === value));
  const known = new Set(); // names of the options that the server takes
  const columns = columnChooser(draft, { told });
  const filters = filterFields(draft, { told });

  function draw() {
    const { options } = draft;
    pick('format', options.format);
    pick('separate_files', String(draft.separate));
    pick('symbol_style', options.symbol_style);
    pick('level', options.level);
    pick('compression', options.compression);
    pick('delimiter', options.delimiter);
    pick('time_range', options.time_range);
    for (const name of FLAGS) byId(name).checked = options[name];
    byId('from_date').value = options.from_date;
    byId('to_date').value = options.to_date;
    byId('style-field').disabled = !options.include_openalgo;
    // In JSON every contract names itself, and a byte order mark would break parsers.
    byId('include_metadata').disabled = options.format === 'json' || options.columns !== null;
    byId('excel').disabled = !isTable(options.format);
    byId('decimals').value = options.decimals ?? '';
    show(byId('delimiter-field'), isTable(options.format));
    const plain = !draft.archive && isText(options.format);
    const parquet = options.format === 'parquet';
    const workbook = options.format === 'xlsx';
    show(byId('workbook-field'), workbook);
    pick('excel_times', options.excel_times);
    byId('separate_files-true').disabled = workbook;
    show(byId('compression-field'), plain && known.has('compression'));
    setText(byId('separate_files-true-title'), parquet ? 'One file per expiry' : 'One file per contract');
    setText(byId('separate_files-true-hint'), parquet ? 'In a ZIP archive, in folders by instrument and expiry' : 'In a ZIP archive, named by symbol');
    setText(byId('compression-hint'), COMPRESSIONS[options.compression]);
    show(byId('level-field'), draft.archive || parquet || (plain && options.compression !== 'none'));
    setText(byId('level-label'), plain ? 'Level' : 'Compression');
    show(byId('dates'), options.time_range === 'custom');
    const days = byId('days_before_expiry');
    if (document.activeElement !== days) days.value = options.days_before_expiry ?? '';
    show(byId('days-before'), options.time_range === 'days' || (options.time_range === 'custom' && options.days_before_expiry !== null));
    setText(byId('level-hint'), LEVELS[options.level]);
    setText(byId('range-hint'), RANGES[options.time_range]);
    columns.draw();
    filters.draw();
    parts();
  }

  /** What the closed parts say, and which field is wrong. */
  function parts() {
    const spec = { format: draft.options.format, options: draft.options };
    const [set, filtered] = [columnsText(spec), filtersText(draft.options)];
    tell('part-columns', set || 'the usual ones', set !== '');
    tell('part-filters', filtered || 'everything', filtered !== '');
    const wrong = problemOf(draft.options)?.[0] ?? null;
    for (const field of document.querySelectorAll('#step-options [aria-invalid]')) field.removeAttribute('aria-invalid');
    const field = byId(wrong ?? '');
    if (field?.matches('input')) setAttributes(field, { 'aria-invalid': 'true' });
  }

  function told() {
    draw();
    message(byId('notice-options'), null);
    draft.changed('options');
  }

  function read({ target }) {
    const { options } = draft;
    if (target.name === 'format') {
      options.format = target.value;
      options.separate_files = null;
    } else if (target.name === 'separate_files') {
      options.separate_files = target.value === 'true';
    } else if (filters.read(target)) {
      // It is in the options already.
    } else if (target.name === 'time_range') {
      options.time_range = target.value;
      if (target.value !== 'days') options.days_before_expiry = null;
    } else if (target.name === 'days_before_expiry') {
      options.days_before_expiry = typed(target);
    } else if (target.name === 'decimals') {
      options.decimals = target.value === '' ? null : Number(target.value);
    } else if (target.name === 'from_date' || target.name === 'to_date') {
      options[target.name] = target.value;
    } else if (FLAGS.includes(target.id)) {
      options[target.id] = target.checked;
    } else if (target.name in options) {
      options[target.name] = target.value;
    } else {
      return;
    }
    told();
  }
  byId('step-options').addEventListener('change', read);

  function example() {
    const frame = byId('example');
    frame.dataset.busy = String(estimator.busy);
    if (estimator.error) {
      if (!estimator.error.offline) message(byId('notice-options'), explain(estimator.error, 'The preview'));
      return;
    }
    if (estimator.result) {
      setText(byId('example-text'), exampleText(estimator.result, draft));
      byId('example-name').replaceChildren(breakable(estimator.result.file_name));
    } else if (!estimator.busy) {
      setText(byId('example-text'), problem() ?? 'Choose an expiry to see its first lines.');
      setText(byId('example-name'), '');
    }
  }
  estimator.addEventListener('change', example);

  async function learn() {
    try {
      const answer = await api.options();
      answer.options.forEach((one) => known.add(one.name));
      columns.know(answer.columns);
      bound(answer.options);
      draw();
    } catch (error) {
      message(byId('notice-options'), explain(error, 'Loading the options'));
    }
  }
  const learned = learn();

  const problem = () => problemOf(draft.options)?.[1] ?? null;

  return {
    async enter() {
      draw();
      estimator.run();
      example();
      await learned;
    },
    problem,
    /** Opens the part in which something is wrong, and goes there. */
    reveal() {
      const field = byId(problemOf(draft.options)?.[0] ?? '');
      const part = field?.closest('details');
      if (part) part.open = true;
      if (field?.matches('input')) field.focus();
      else field?.querySelector('input')?.focus();
    },
  };
}
