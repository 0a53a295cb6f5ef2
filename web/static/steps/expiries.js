// Step 2: which expiries of each instrument, newest first.

import { api, explain } from '../api.js';
import { button, byId, el, icon, message, setText, show } from '../dom.js';
import { day, number, plural, weekday } from '../format.js';
import { ruleProblem, ruleText } from '../rule.js';
import { rulePanel } from './rule.js';

// Beyond so many boxes groups start closed, and their boxes are made when they are first opened.
const OPEN_AT_ONCE = 400;

export function expiriesStep(draft) {
  const host = byId('expiries');
  const groups = new Map(); // key -> group
  let drawnFor = '';
  const rule = rulePanel(draft, { told });

  function years(dates) {
    const byYear = new Map();
    for (const iso of dates) {
      const year = iso.slice(0, 4);
      if (!byYear.has(year)) byYear.set(year, []);
      byYear.get(year).push(iso);
    }
    return byYear;
  }

  function makeGroup(instrument, index, open) {
    const name = draft.name(instrument.key);
    const dates = draft.available.get(instrument.key) ?? [];
    const chosen = draft.days(instrument.key);
    const boxes = new Map();
    const count = el('span', { class: 'group-count num', id: `group-${index}-count` });
    const body = el('div', { class: 'group-body', id: `group-${index}` });
    const toggle = el(
      'button',
      { type: 'button', class: 'group-toggle', 'aria-controls': body.id, 'aria-expanded': 'false' },
      icon('chevron'),
      el('span', {}, name),
    );
    const tool = (label, pick) =>
      button(label, {
        kind: 'small quiet',
        'aria-label': `${name}: ${label.toLowerCase()}`,
        on: {
          click: () => {
            choose(pick);
            told();
          },
        },
      });

    function fill() {
      if (body.hasChildNodes()) return;
      for (const [year, list] of years(dates)) {
        body.append(
          el(
            'fieldset',
            { class: 'year' },
            el('legend', {}, el('span', { class: 'sr-only' }, `${name} `), year),
            el(
              'div',
              { class: 'year-days' },
              ...list.map((iso) => {
                const id = `expiry-${index}-${iso}`;
                const box = el('input', { type: 'checkbox', id, checked: chosen.has(iso) });
                box.value = iso;
                boxes.set(iso, box);
                return el(
                  'label',
                  { class: 'expiry', for: id },
                  box,
                  el('span', { class: 'num' }, day(iso).slice(0, 6)),
                  el('span', { class: 'sr-only' }, ` ${year}`),
                  el('span', { class: 'expiry-weekday' }, weekday(iso)),
                );
              }),
            ),
          ),
        );
      }
    }

    function expand(wanted) {
      if (wanted) fill();
      show(body, wanted);
      toggle.setAttribute('aria-expanded', String(wanted));
    }

    function draw() {
      setText(count, `${number(chosen.size)} of ${number(dates.length)}`);
      count.dataset.some = String(chosen.size > 0);
    }

    function choose(pick) {
      chosen.clear();
      pick(dates).forEach((iso) => chosen.add(iso));
      for (const [iso, box] of boxes) box.checked = chosen.has(iso);
      draw();
    }

    body.addEventListener('change', ({ target }) => {
      if (target.checked) chosen.add(target.value);
      else chosen.delete(target.value);
      draw();
      told();
    });
    toggle.addEventListener('click', () => expand(body.hidden));
    expand(open && dates.length > 0);
    draw();
    const node = el(
      'section',
      { class: 'group', 'aria-label': name },
      el(
        'div',
        { class: 'group-head' },
        el('h3', {}, dates.length ? toggle : el('span', { class: 'group-none' }, name)),
        dates.length ? count : el('span', { class: 'group-count' }, 'no expiries'),
        dates.length
          ? el('div', { class: 'group-tools' }, tool('All', (list) => list), tool('None', () => []),
            tool('Last 4', (list) => list.slice(0, 4)))
          : null,
      ),
      body,
    );
    return { node, choose };
  }

  /** Once for a click, however many groups it has changed. */
  function told() {
    tally();
    draft.changed('expiries');
  }

  function tally() {
    setText(byId('expiry-count'), `${plural(draft.expiryCount, 'expiry', 'expiries')} selected`);
    rule.tally();
  }

  /** Boxes or a rule; what was chosen the other way stays until it is wanted again. */
  function way() {
    const total = draft.instruments.reduce((sum, one) => sum + (draft.available.get(one.key)?.length ?? 0), 0);
    for (const radio of document.querySelectorAll('input[name="expiry_way"]')) {
      radio.checked = radio.value === (draft.byRule ? 'rule' : 'dates');
    }
    show(byId('expiry-tools'), !draft.byRule && total > 0);
    show(host, !draft.byRule);
    show(byId('expiry-rule'), draft.byRule);
    if (draft.byRule) rule.draw();
    tally();
  }
  byId('expiry-way').addEventListener('change', ({ target }) => {
    draft.byRule = target.value === 'rule';
    way();
    draft.changed('expiries');
  });

  function draw() {
    const { instruments } = draft;
    const total = instruments.reduce((sum, one) => sum + (draft.available.get(one.key)?.length ?? 0), 0);
    groups.clear();
    instruments.forEach((one, index) => groups.set(one.key, makeGroup(one, index, total <= OPEN_AT_ONCE)));
    host.replaceChildren(...[...groups.values()].map((group) => group.node));
  }

  /** Asks for the dates of instruments that have come new; false where that failed. */
  async function load() {
    const missing = draft.instruments.map((one) => one.key).filter((key) => !draft.available.has(key));
    if (!missing.length) return true;
    host.setAttribute('aria-busy', 'true');
    // "All" must not be pressed before there is anything to choose.
    show(byId('expiry-tools'), false);
    try {
      const answer = await api.expiries(missing);
      for (const key of missing) draft.available.set(key, answer[key] ?? []);
      draft.prune();
      drawnFor = '';
      message(byId('notice-expiries'), null);
      return true;
    } catch (error) {
      const said = explain(error, 'Loading the expiries');
      said.actions = [button('Try again', { kind: 'small', on: { click: enter } })];
      message(byId('notice-expiries'), said);
      return false;
    } finally {
      host.removeAttribute('aria-busy');
    }
  }

  async function enter() {
    if (!(await load())) return;
    const now = draft.instruments.map((one) => one.key).join('\n');
    if (now !== drawnFor) draw();
    drawnFor = now;
    way();
  }

  const every = (pick) => {
    for (const group of groups.values()) group.choose(pick);
    told();
  };
  byId('expiries-all').addEventListener('click', () => every((list) => list));
  byId('expiries-none').addEventListener('click', () => every(() => []));
  const latest = () => {
    const most = Math.max(1, Math.floor(Number(byId('expiries-n').value)) || 1);
    byId('expiries-n').value = most;
    every((list) => list.slice(0, most));
  };
  byId('expiries-last').addEventListener('click', latest);
  byId('expiries-n').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    latest();
  });

  return {
    enter,
    load,
    redraw() {
      drawnFor = '';
    },
    problem() {
      const wrong = draft.byRule ? ruleProblem(draft.rule) : null;
      if (wrong) return wrong;
      if (draft.expiryCount) return null;
      return draft.byRule ? `No expiry is stored for “${ruleText(draft.rule)}”.` : 'Choose at least one expiry.';
    },
  };
}
