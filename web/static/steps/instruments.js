// Step 1: which database is open, and what to take from it.

import { api, explain } from '../api.js';
import { button, byId, el, message, setText, show } from '../dom.js';
import { keyName, number, plural, segment } from '../format.js';

const day = (stamp) => (stamp ? `${stamp.slice(0, 10)} ${stamp.slice(11, 16)}` : 'none yet');

/** Whether every word asked for begins a word of the instrument's name or symbol. */
export function matches(instrument, query) {
  const words = (text) => text.toLowerCase().split(/[^\p{L}\p{N}&]+/u).filter(Boolean);
  const have = [instrument.name, instrument.symbol, keyName(instrument.key)].flatMap((text) => [
    ...words(text),
    // BAJAJ-AUTO is one word to those who type it so.
    text.toLowerCase(),
  ]);
  return query
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((asked) => have.some((word) => word.startsWith(asked)));
}

export function instrumentsStep(draft) {
  const list = byId('instruments');
  const search = byId('search');
  const all = byId('select-all');
  const rows = new Map(); // key -> {item, box}
  let shown = [];

  function row(instrument, index) {
    const empty = instrument.expiries === 0;
    const id = `instrument-${index}`;
    const box = el('input', {
      type: 'checkbox', id, value: instrument.key, checked: draft.chosen.has(instrument.key),
      disabled: empty, 'aria-describedby': `${id}-about`,
    });
    box.value = instrument.key;
    const about = empty
      ? 'nothing stored'
      : `${plural(instrument.expiries, 'expiry', 'expiries')} · ${plural(instrument.contracts, 'contract')}`;
    const item = el(
      'li',
      {},
      el(
        'label',
        { class: 'instrument', for: id },
        box,
        el(
          'span',
          { class: 'instrument-name' },
          el('span', {}, instrument.name),
          instrument.symbol && instrument.symbol.toLowerCase() !== instrument.name.toLowerCase()
            ? el('span', { class: 'instrument-symbol' }, instrument.symbol)
            : null,
        ),
        el('span', { class: 'instrument-segment' }, segment(instrument.key)),
        el('span', { class: 'instrument-about num', id: `${id}-about` }, about),
      ),
    );
    rows.set(instrument.key, { item, box });
    return item;
  }

  function filter() {
    const query = search.value.trim();
    shown = draft.catalogue.filter((one) => matches(one, query));
    const keys = new Set(shown.map((one) => one.key));
    for (const [key, { item }] of rows) show(item, keys.has(key));
    show(byId('no-match'), draft.catalogue.length > 0 && shown.length === 0);
    setText(byId('no-match'), `No instrument has a word that begins with “${query}”.`);
    setText(byId('select-all-label'), query ? `Select all ${number(shown.length)} found` : 'Select all');
    count();
  }

  function count() {
    const open = shown.filter((one) => one.expiries > 0);
    const chosen = open.filter((one) => draft.chosen.has(one.key)).length;
    all.checked = open.length > 0 && chosen === open.length;
    all.indeterminate = chosen > 0 && chosen < open.length;
    all.disabled = open.length === 0;
    setText(
      byId('instrument-count'),
      `${number(draft.instruments.length)} of ${number(draft.catalogue.length)} selected`,
    );
  }

  list.addEventListener('change', ({ target }) => {
    if (target.checked) draft.chosen.add(target.value);
    else draft.chosen.delete(target.value);
    count();
    draft.changed('instruments');
  });
  all.addEventListener('change', () => {
    for (const one of shown) {
      if (one.expiries === 0) continue;
      if (all.checked) draft.chosen.add(one.key);
      else draft.chosen.delete(one.key);
      rows.get(one.key).box.checked = all.checked;
    }
    count();
    draft.changed('instruments');
  });
  search.addEventListener('input', filter);
  search.addEventListener('keydown', (event) => {
    // Enter in a search means "search", which has happened; it must not leave the step.
    if (event.key === 'Enter') event.preventDefault();
  });

  function database(info) {
    setText(byId('db-path'), info?.path ?? '–');
    byId('db-path').title = info?.path ?? '';
    setText(byId('db-newest'), info ? day(info.newest_candle) : '–');
    setText(byId('db-contracts'), info ? number(info.contracts) : '–');
    byId('database').dataset.demo = String(Boolean(info?.demo));
  }

  function empty(info) {
    return {
      kind: 'warning',
      title: 'This database has no contracts yet.',
      lines: [
        `ExpiryTrack’s collector writes them to ${info.path}. Let it collect, then refresh.`,
        'To look around first, start the server with --demo.',
      ],
      actions: [button('Refresh', { kind: 'small', on: { click: load } })],
    };
  }

  async function load() {
    const refresh = byId('db-refresh');
    refresh.setAttribute('aria-busy', 'true');
    try {
      const answer = await api.instruments();
      draft.catalogue = answer.instruments;
      draft.available.clear();
      draft.prune();
      database(answer.database);
      rows.clear();
      list.replaceChildren(...draft.catalogue.map(row));
      const usable = draft.catalogue.some((one) => one.expiries > 0);
      const demo = answer.database.demo && {
        kind: 'info',
        title: 'This is the demo database.',
        lines: ['Its candles are made up. Start the server with --db and your ExpiryTrack database for real ones.'],
      };
      message(byId('notice-instruments'), usable ? demo || null : empty(answer.database));
      show(byId('instrument-picker'), usable);
      filter();
      draft.changed('catalogue');
    } catch (error) {
      const said = explain(error, 'Opening the database');
      if (!error.offline) said.actions = [button('Try again', { kind: 'small', on: { click: load } })];
      message(byId('notice-instruments'), said);
      show(byId('instrument-picker'), draft.catalogue.length > 0);
      if (!draft.catalogue.length) database(null);
    } finally {
      refresh.removeAttribute('aria-busy');
    }
  }
  byId('db-refresh').addEventListener('click', load);

  return {
    load,
    enter() {
      for (const [key, { box }] of rows) box.checked = draft.chosen.has(key);
      count();
    },
    problem: () => (draft.instruments.length ? null : 'Choose at least one instrument.'),
  };
}
