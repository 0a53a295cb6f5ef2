// Beside the steps: what has been chosen and what it comes to, or what a running export was asked.

import { commandBlock } from './commands.js';
import { button, byId, el, setText, show } from './dom.js';
import { capital, listed, number, plural, sentence } from './format.js';
import { toRequest } from './optionset.js';
import { ruleText } from './rule.js';
import { columnsText, facts, filtersText, form, range, rowsText, sizeText, specFacts } from './summary.js';

export function sidePanel(draft, estimator, { startOver }) {
  const host = byId('side');
  const clear = button('Start over', { kind: 'small quiet', on: { click: startOver } });
  const chosen = el('div', {});
  const note = el('div', { class: 'side-note' });
  const summary = el(
    'section',
    { class: 'side-card' },
    el('header', { class: 'side-head' }, el('h2', {}, 'Your export'), clear),
    chosen,
    note,
  );
  // steps/options.js fills these in whenever the estimate changes.
  const example = el(
    'figure',
    { class: 'example', id: 'example' },
    el('figcaption', {}, el('span', {}, 'First lines'), el('span', { class: 'example-name', id: 'example-name' })),
    el(
      'pre',
      { tabindex: '0', role: 'region', 'aria-label': 'First lines of the file' },
      el('code', { id: 'example-text' }, 'Choose an expiry to see its first lines.'),
    ),
  );
  const asked = el('div', { class: 'side-task', hidden: true });
  host.append(summary, example, asked);

  const ruled = () => `${capital(ruleText(draft.rule))} (${number(draft.expiryCount)} today)`;

  function draw() {
    const { instruments, expiryCount, options } = draft;
    const { result, busy, size } = estimator;
    const pending = busy ? '…' : '–';
    const spec = { format: options.format, options: toRequest(options, draft) };
    chosen.replaceChildren(
      facts([
        ['Instruments', instruments.length ? listed(instruments.map((one) => draft.name(one.key))) : 'None yet'],
        ['Expiries', draft.byRule ? ruled() : expiryCount ? number(expiryCount) : 'None yet'],
        ['Format', form(spec)],
        ['Columns', columnsText(spec)],
        ['Filters', filtersText(options)],
        ['Time range', range(spec.options)],
      ]),
      facts([
        ['Contracts', result ? number(result.contracts) : pending, 'num'],
        ['Rows', result ? rowsText(result) : pending, 'num'],
        ['Size', result ? sizeText(size) : pending, 'num'],
      ]),
    );
    show(clear, instruments.length > 0);
    // What the review will say, already where it is chosen.
    const lines = [
      ...(result?.exact === false ? ['Rows and size are estimates; the export counts exactly.'] : []),
      ...(result?.warnings ?? []).map(sentence),
    ];
    if (note.textContent !== lines.join('')) note.replaceChildren(...lines.map((line) => el('p', {}, line)));
    show(note, lines.length > 0);
  }
  draft.addEventListener('change', draw);
  estimator.addEventListener('change', draw);
  draw();

  return {
    /** The review holds the summary itself, and step 1 has no line to show yet. */
    draft(step) {
      show(summary, step !== 'review');
      show(example, step === 'expiries' || step === 'options');
      show(asked, false);
    },
    task(task) {
      show(summary, false);
      show(example, false);
      show(asked, true);
      asked.replaceChildren(
        el('section', { class: 'side-card' }, el('h2', {}, 'What was asked for'),
          specFacts(task.spec, (key) => draft.name(key)), commandBlock(task.spec)),
      );
    },
    empty() {
      for (const part of [summary, example, asked]) show(part, false);
    },
    /** One line for the action bar. */
    line() {
      if (!draft.instruments.length) return '';
      if (!draft.expiryCount) return plural(draft.instruments.length, 'instrument');
      const text = plural(draft.expiryCount, 'expiry', 'expiries');
      const { result, size } = estimator;
      return result ? `${text} · ${rowsText(result)} rows · ${sizeText(size)}` : text;
    },
  };
}
