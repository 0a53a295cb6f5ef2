// Step 4, before the start: everything once more, with what it will come to.

import { explain } from '../api.js';
import { commandBlock } from '../commands.js';
import { breakable, button, byId, el } from '../dom.js';
import { exampleText } from '../example.js';
import { day, listed, number, plural, sentence } from '../format.js';
import { extras, facts, form, range, rowsText, sizeText, symbols } from '../summary.js';

const SHOWN_DATES = 8;

function figure(name, value) {
  return el('div', { class: 'figure' }, el('dt', {}, name), el('dd', { class: 'num' }, value));
}

function dates(body, key) {
  const newest = [...body.expiries[key]].reverse();
  return listed(newest.map(day), SHOWN_DATES);
}

export function reviewStep(draft, estimator, { edit }) {
  const host = byId('review');

  function editButton(step, what) {
    return button('Change', {
      kind: 'small quiet', 'aria-label': `Change ${what}`, on: { click: () => edit(step) },
    });
  }

  function block(title, step, ...content) {
    return el(
      'section',
      { class: 'panel review-block' },
      el('header', {}, el('h3', {}, title), editButton(step, title.toLowerCase())),
      ...content,
    );
  }

  function warnings(preview, body) {
    const left = draft.instruments.length - body.instruments.length;
    const lines = preview.warnings.map(sentence);
    if (left) lines.push(`${plural(left, 'selected instrument')} without a selected expiry will be left out.`);
    if (!lines.length) return null;
    return el(
      'div',
      { class: 'message warning', role: 'note' },
      el('p', { class: 'message-title' }, 'Worth knowing'),
      el('ul', {}, ...lines.map((line) => el('li', {}, line))),
    );
  }

  function draw() {
    const body = draft.body();
    if (!body) return;
    const { result, error, busy, size } = estimator;
    const pending = busy ? '…' : '–';
    const open = host.querySelector('details.commands')?.open;
    const commands = commandBlock(body);
    commands.open = Boolean(open);
    const nodes = [];
    if (error) {
      const said = explain(error, 'The estimate');
      nodes.push(
        el(
          'div',
          { class: 'message error', role: 'alert' },
          el('p', { class: 'message-title' }, said.title),
          ...said.lines.map((line) => el('p', {}, line)),
          el('div', { class: 'message-actions' },
            button('Try again', { kind: 'small', on: { click: () => estimator.run({ force: true }) } })),
        ),
      );
    }
    nodes.push(
      el(
        'dl',
        { class: 'figures', 'aria-busy': String(busy) },
        figure('Contracts', result ? number(result.contracts) : pending),
        figure('Rows', result ? rowsText(result) : pending),
        figure('Size', result ? sizeText(size) : pending),
      ),
    );
    if (result) nodes.push(warnings(result, body));
    nodes.push(
      el(
        'div',
        { class: 'review-grid' },
        block('Instruments and expiries', 'expiries',
          facts(body.instruments.slice(0, 30).map((key) => [draft.name(key), dates(body, key)])),
          body.instruments.length > 30
            ? el('p', { class: 'sub-hint' }, `and ${number(body.instruments.length - 30)} more instruments`)
            : null),
        block('File', 'options',
          facts([
            ['Name', result ? breakable(result.file_name) : pending],
            ['Format', form(body)],
            ['Symbols', symbols(body.options)],
            ['Extra', extras(body)],
            ['Time range', range(body.options)],
          ])),
      ),
    );
    if (result) {
      nodes.push(
        el(
          'figure',
          { class: 'example' },
          el('figcaption', {}, el('span', {}, 'First lines')),
          el('pre', { tabindex: '0', role: 'region', 'aria-label': 'First lines of the file' },
            el('code', {}, exampleText(result, body.format, 5))),
        ),
      );
    }
    nodes.push(commands);
    host.replaceChildren(...nodes.filter(Boolean));
  }
  estimator.addEventListener('change', () => {
    if (!byId('step-review').hidden) draw();
  });

  return {
    enter() {
      estimator.run();
      draw();
    },
    problem: () => null,
  };
}
