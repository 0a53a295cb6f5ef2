// Building and changing the page. Data only ever enters it as text nodes and attributes.

const SVG = 'http://www.w3.org/2000/svg';

// The same 16-unit grid and stroke as templates/_macros.html.
const ICONS = {
  download: 'M8 2.5v7.75M4.75 7.25 8 10.5l3.25-3.25M2.75 13.25h10.5',
  again: 'M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3',
  remove: 'M3 4.5h10M6.25 4.25V2.75h3.5v1.5M4.25 4.5l.6 8.75h6.3l.6-8.75M6.75 7v3.75M9.25 7v3.75',
  stop: 'M4.5 4.5h7v7h-7z',
  copy: 'M5.75 5.75h7.5v7.5h-7.5zM3 10.25h-.25v-7.5h7.5V3',
  done: 'm3.25 8.5 3.25 3.25 6.25-7',
  hash: 'M6.25 2.5 4.75 13.5M11.25 2.5l-1.5 11M2.75 5.75h11M2.25 10.25h11',
  bell: 'M4 11V7.25a4 4 0 0 1 8 0V11l1.25 1.5H2.75ZM6.75 14.25h2.5',
  edit: 'M3 13h2.5l7.25-7.25-2.5-2.5L3 10.5ZM8.75 4.75l2.5 2.5',
  chevron: 'M6.25 3.5 10.75 8l-4.5 4.5',
  grip: 'M6 3.5v.01M10 3.5v.01M6 8v.01M10 8v.01M6 12.5v.01M10 12.5v.01',
  play: 'M5.25 3.25 12.5 8l-7.25 4.75Z',
  pause: 'M5.25 3.5v9M10.75 3.5v9',
  clock: 'M8 2.25a5.75 5.75 0 1 0 .01 0M8 4.75V8l2.25 1.5',
  save: 'M4 2.75h8v10.5l-4-3-4 3Z',
  note: 'M3 3.25h10v7.5H8.5L5.5 13.25v-2.5H3ZM5.75 6h4.5M5.75 8.25h3',
  close: 'm4 4 8 8M12 4l-8 8',
  compare: 'M5.5 2.5v11M3 5l2.5-2.5L8 5M10.5 13.5v-11M8 11l2.5 2.5L13 11',
};

export const byId = (id) => document.getElementById(id);

/** An element; `props` holds attributes, and `on` (listeners), `data` and `value`-like fields. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') {
      for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    } else if (name === 'data') {
      Object.assign(node.dataset, value);
    } else if (name === 'checked' || name === 'value') {
      node[name] = value;
    } else {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

export function button(label, { iconName, kind = '', ...props } = {}) {
  return el(
    'button',
    { type: 'button', class: `button ${kind}`.trim(), ...props },
    iconName ? icon(iconName) : null,
    el('span', {}, label),
  );
}

/** A file's name, which may go on in the next line after an underscore. */
export function breakable(name) {
  const parts = document.createDocumentFragment();
  name.split(/(?<=_)/).forEach((part, index) => parts.append(...(index ? [el('wbr'), part] : [part])));
  return parts;
}

/** Changes text only where it differs, so that screen readers and selections are left alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttributes(node, values) {
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
  }
}

export function show(node, visible) {
  node.hidden = !visible;
}

/** One box that says what happened and what to do; null empties and hides it. */
export function message(node, content) {
  node.replaceChildren();
  show(node, content !== null);
  if (content === null) return;
  const { kind = 'info', title, lines = [], actions = [] } = content;
  node.className = `message ${kind}`;
  node.setAttribute('role', kind === 'error' ? 'alert' : 'note');
  node.append(el('p', { class: 'message-title' }, title));
  if (lines.length === 1) node.append(el('p', {}, lines[0]));
  else if (lines.length) node.append(el('ul', {}, ...lines.map((line) => el('li', {}, line))));
  if (actions.length) node.append(el('div', { class: 'message-actions' }, ...actions));
}

export function debounce(wait, action) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), wait);
  };
}
