// Step 3, columns: which ones, in what order, under which headings.
//
// Order changes by the arrows, by Alt with an arrow key, and by dragging the handle.

import { announce } from '../announce.js';
import { byId, el, icon, setAttributes, setText, show } from '../dom.js';
import { plural } from '../format.js';

const LONGEST_HEADING = 60;
const DETAILS = new Set(['instrument', 'expiry', 'strike', 'option_type', 'trading_symbol']);
const EPOCHS = new Set(['epoch_s', 'epoch_ms']);

/** Whether the file has this column while none has been chosen. */
export function isUsual(name, options) {
  if (name === 'openalgo_symbol') return options.include_openalgo;
  if (DETAILS.has(name)) return options.include_metadata;
  return !EPOCHS.has(name);
}

/** `told()` after every change of `draft.options.columns`. */
export function columnChooser(draft, { told }) {
  const list = byId('columns');
  const rows = new Map(); // name -> {node, box, heading, up, down}
  let known = []; // [{name, help}] in the usual order
  let drawnFor = null;

  const order = () => [...list.children].map((node) => node.dataset.name);

  function chosen() {
    return order()
      .map((name) => ({ name, on: rows.get(name).box.checked, as: rows.get(name).heading.value.trim() }))
      .filter((one) => one.on)
      .map(({ name, as }) => ({ name, as: as === name ? '' : as }));
  }

  function changed() {
    const now = chosen();
    const usual = known.map((one) => one.name).filter((name) => isUsual(name, draft.options));
    const same = now.length === usual.length && now.every((one, i) => one.name === usual[i] && !one.as);
    draft.options.columns = same ? null : now;
    drawnFor = draft.options.columns;
    told();
  }

  function move(name, to) {
    const { node } = rows.get(name);
    const names = order();
    const place = Math.max(0, Math.min(names.length - 1, to));
    if (place === names.indexOf(name)) return;
    const focused = node.contains(document.activeElement) ? document.activeElement : null;
    node.remove();
    list.insertBefore(node, list.children[place] ?? null);
    focused?.focus();
    marks();
    changed();
    announce(`${name}: ${place + 1} of ${names.length}`, { urgent: true });
  }
  const step = (name, by) => move(name, order().indexOf(name) + by);

  function drag(name, event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const { node } = rows.get(name);
    // The list holds the pointer: a row that is put elsewhere would lose it.
    list.setPointerCapture(event.pointerId);
    node.dataset.dragged = 'true';
    const before = order();
    const follow = ({ clientY }) => {
      const others = [...list.children].filter((one) => one !== node);
      const next = others.find((one) => {
        const box = one.getBoundingClientRect();
        return clientY < box.top + box.height / 2;
      });
      if (node.nextElementSibling !== (next ?? null)) list.insertBefore(node, next ?? null);
    };
    const drop = () => {
      list.removeEventListener('pointermove', follow);
      delete node.dataset.dragged;
      marks();
      if (order().join() !== before.join()) changed();
    };
    list.addEventListener('pointermove', follow);
    list.addEventListener('lostpointercapture', drop, { once: true });
  }

  function row({ name, help }) {
    const id = `column-${name}`;
    const box = el('input', { type: 'checkbox', id, 'aria-describedby': `${id}-help` });
    const heading = el('input', {
      type: 'text', id: `as-${name}`, class: 'column-as', maxlength: LONGEST_HEADING, placeholder: name,
      'aria-label': `Heading of ${name}`, spellcheck: 'false', autocapitalize: 'off',
    });
    const arrow = (which, by) =>
      el('button', {
        type: 'button', class: `icon-button ${which}`, 'aria-label': `Move ${name} ${which}`, title: `Move ${which}`,
        on: { click: () => step(name, by) },
      }, icon('chevron'));
    const grip = el('span', { class: 'column-grip', 'aria-hidden': 'true', title: 'Drag to move' }, icon('grip'));
    const [up, down] = [arrow('up', -1), arrow('down', 1)];
    const node = el(
      'li',
      { class: 'column', data: { name } },
      grip,
      el('label', { class: 'column-name', for: id }, box, el('code', {}, name)),
      el('span', { class: 'column-help', id: `${id}-help` }, help),
      heading,
      el('span', { class: 'column-moves' }, up, down),
    );
    grip.addEventListener('pointerdown', (event) => drag(name, event));
    node.addEventListener('keydown', (event) => {
      if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
      event.preventDefault();
      step(name, event.key === 'ArrowUp' ? -1 : 1);
    });
    rows.set(name, { node, box, heading, up, down });
    return node;
  }

  /** What looks different by place and tick. */
  function marks() {
    const names = order();
    names.forEach((name, index) => {
      const { node, box, heading, up, down } = rows.get(name);
      node.dataset.on = String(box.checked);
      heading.disabled = !box.checked;
      // A button that is switched off would drop the focus of whoever moves a row to the end.
      setAttributes(up, { 'aria-disabled': index === 0 ? 'true' : null });
      setAttributes(down, { 'aria-disabled': index === names.length - 1 ? 'true' : null });
    });
    const on = names.filter((name) => rows.get(name).box.checked).length;
    setText(byId('columns-count'), `${plural(on, 'column')} of ${names.length}`);
    show(byId('columns-reset'), draft.options.columns !== null);
  }

  list.addEventListener('change', changed);
  byId('columns-reset').addEventListener('click', () => {
    draft.options.columns = null;
    draw({ anew: true });
    told();
    byId(`column-${order()[0]}`)?.focus();
  });

  function draw({ anew = false } = {}) {
    if (!known.length) return;
    const { columns } = draft.options;
    if (anew || columns !== drawnFor) {
      const mine = columns?.map((one) => one.name) ?? [];
      const rest = known.map((one) => one.name).filter((name) => !mine.includes(name));
      list.append(...[...mine, ...rest].map((name) => rows.get(name)?.node).filter(Boolean));
      drawnFor = columns;
    }
    for (const [name, { box, heading }] of rows) {
      const own = columns?.find((one) => one.name === name);
      box.checked = columns ? Boolean(own) : isUsual(name, draft.options);
      if (document.activeElement !== heading) heading.value = own?.as ?? (columns ? heading.value : '');
    }
    marks();
  }

  return {
    draw,
    /** The columns that there are, in their usual order. */
    know(columns) {
      known = columns;
      list.replaceChildren(...known.map(row));
      draw({ anew: true });
    },
  };
}
