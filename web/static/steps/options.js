// Step 3: the form of the file, with its first lines as they will be.

import { explain } from '../api.js';
import { breakable, byId, message, setAttributes, setText, show } from '../dom.js';
import { exampleText } from '../example.js';

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
  custom: 'Both days included, in Indian time. Either may stay empty.',
};
const FLAGS = ['include_openalgo', 'include_metadata', 'excel'];

export function optionsStep(draft, estimator) {
  const form = byId('form');
  const radios = (name) => [...form.querySelectorAll(`input[name="${name}"]`)];
  const pick = (name, value) => radios(name).forEach((radio) => (radio.checked = radio.value === value));

  function draw() {
    const { options } = draft;
    pick('format', options.format);
    pick('separate_files', String(draft.separate));
    pick('symbol_style', options.symbol_style);
    pick('level', options.level);
    pick('time_range', options.time_range);
    for (const name of FLAGS) byId(name).checked = options[name];
    byId('from_date').value = options.from_date;
    byId('to_date').value = options.to_date;
    byId('style-field').disabled = !options.include_openalgo;
    // In JSON every contract names itself, and a byte order mark would break parsers.
    byId('include_metadata').disabled = options.format === 'json';
    byId('excel').disabled = options.format === 'json';
    show(byId('level-field'), draft.archive);
    show(byId('dates'), options.time_range === 'custom');
    setText(byId('level-hint'), LEVELS[options.level]);
    setText(byId('range-hint'), RANGES[options.time_range]);
    const backwards = problem() !== null;
    for (const id of ['from_date', 'to_date']) {
      setAttributes(byId(id), { 'aria-invalid': backwards ? 'true' : null });
    }
  }

  function read({ target }) {
    const { options } = draft;
    if (target.name === 'format') {
      options.format = target.value;
      options.separate_files = null;
    } else if (target.name === 'separate_files') {
      options.separate_files = target.value === 'true';
    } else if (target.name === 'from_date' || target.name === 'to_date') {
      options[target.name] = target.value;
    } else if (FLAGS.includes(target.id)) {
      options[target.id] = target.checked;
    } else if (target.name in options) {
      options[target.name] = target.value;
    } else {
      return;
    }
    draw();
    message(byId('notice-options'), null);
    draft.changed('options');
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
      setText(byId('example-text'), exampleText(estimator.result, draft.options.format));
      byId('example-name').replaceChildren(breakable(estimator.result.file_name));
    } else if (!estimator.busy) {
      setText(byId('example-text'), 'Choose an expiry to see its first lines.');
      setText(byId('example-name'), '');
    }
  }
  estimator.addEventListener('change', example);

  function problem() {
    const { time_range: range, from_date: from, to_date: to } = draft.options;
    if (range !== 'custom') return null;
    if (!from && !to) return 'Enter a first or a last day, or choose another time range.';
    return from && to && from > to ? 'The first day is after the last day.' : null;
  }

  return {
    enter() {
      draw();
      estimator.run();
      example();
    },
    problem,
  };
}
