// Step 4, before the start: everything once more, with what it will come to.

import { announce } from '../announce.js';
import { api, explain } from '../api.js';
import { commandBlock } from '../commands.js';
import { breakable, button, byId, el, message } from '../dom.js';
import { exampleText } from '../example.js';
import { day, listed, number, plural, sentence } from '../format.js';
import { handOver, saveTemplate } from '../keep.js';
import { ruleText } from '../rule.js';
import { facts, fileFacts, rowsText, sizeText } from '../summary.js';

const SHOWN_DATES = 8;
// What a change of the configuration alone leaves as it was.
const CHANGEABLE = {
  template: ({ name, note }, request) => ({ name, note, request }),
  schedule: ({ name, cron, missed, only_new: onlyNew, keep_runs: runs, keep_days: days }, request) => ({
    name, cron, missed, request, only_new: onlyNew, keep_runs: runs, keep_days: days,
  }),
};

function figure(name, value) {
  return el('div', { class: 'figure' }, el('dt', {}, name), el('dd', { class: 'num' }, value));
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

  function said(content) {
    message(byId('notice-review'), content);
    byId('notice-review').scrollIntoView({ block: 'nearest' });
  }

  async function save() {
    const saved = await saveTemplate(draft.body());
    if (!saved) return;
    draft.origin = { kind: 'template', id: saved.id, name: saved.name };
    draft.save();
    draw();
    said({
      title: `Saved as “${saved.name}”.`,
      actions: [
        el('a', { class: 'button small', href: `/templates?saved=${encodeURIComponent(saved.id)}` }, 'Templates'),
        el('a', { class: 'button small', href: `/schedules?new=${encodeURIComponent(saved.id)}` }, 'Schedule it'),
      ],
    });
    announce(`Saved as ${saved.name}`, { urgent: true });
  }

  /** Writes the configuration back to where it came from. */
  async function update() {
    const { kind, id, name } = draft.origin;
    const kept = kind === 'template' ? api.templates : api.schedules;
    try {
      const before = await kept.get(id);
      await kept.change(id, CHANGEABLE[kind](before, draft.body()));
      const list = kind === 'template' ? `/templates?saved=${encodeURIComponent(id)}` : '/schedules';
      said({ title: `“${name}” was changed.`, actions: [el('a', { class: 'button small', href: list }, kind === 'template' ? 'Templates' : 'Schedules')] });
      announce(`${name} was changed`, { urgent: true });
    } catch (error) {
      said(explain(error, `Changing “${name}”`));
    }
  }

  function keepers() {
    const { origin } = draft;
    return el(
      'div',
      { class: 'keepers', role: 'group', 'aria-label': 'Keep this configuration' },
      origin ? button(`Save changes to “${origin.name}”`, { iconName: 'save', on: { click: update } }) : null,
      button(origin ? 'Save as another template…' : 'Save as a template…', { iconName: origin ? null : 'save', on: { click: save } }),
      button('Schedule…', { iconName: 'clock', on: { click: () => handOver(draft.body()) } }),
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
          body.expiry_rule ? el('p', { class: 'review-rule' }, sentence(ruleText(body.expiry_rule)), ' Today:') : null,
          facts(body.instruments.slice(0, 30).map((key) => [
            draft.name(key), listed(draft.dates(key).map(day), SHOWN_DATES) || 'none',
          ])),
          body.instruments.length > 30
            ? el('p', { class: 'sub-hint' }, `and ${number(body.instruments.length - 30)} more instruments`)
            : null),
        block('File', 'options',
          facts([
            ['Name', result ? breakable(result.file_name) : pending],
            ...fileFacts(body),
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
            el('code', {}, exampleText(result, body, 5))),
        ),
      );
    }
    nodes.push(keepers(), commands);
    const focused = host.contains(document.activeElement) ? document.activeElement.textContent : null;
    host.replaceChildren(...nodes.filter(Boolean));
    // An estimate that comes late must not take the focus from a button.
    if (focused) [...host.querySelectorAll('button, summary')].find((node) => node.textContent === focused)?.focus();
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
