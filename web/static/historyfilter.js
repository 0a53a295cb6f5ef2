// What of the history is shown: the fields, the address bar, and the question to the server in step.

import { button, byId, debounce, el, setText, show } from './dom.js';
import { plural } from './format.js';

const FIELDS = ['q', 'format', 'instrument', 'from', 'to'];
const LINKS = { schedule: 'of one schedule', template: 'made with one template' };
const KEYS = ['state', ...FIELDS, ...Object.keys(LINKS)];

const node = (name) => byId(`filter-${name}`);

/** `changed()` whenever another list is wanted. */
export function historyFilter({ changed }) {
  let now = {};

  function fromAddress() {
    const query = new URLSearchParams(location.search);
    now = Object.fromEntries(KEYS.map((key) => [key, query.get(key) ?? '']).filter(([, value]) => value !== ''));
  }

  function toAddress() {
    const query = new URLSearchParams(now);
    const address = query.size ? `/history?${query}` : '/history';
    if (location.pathname + location.search !== address) history.replaceState(null, '', address);
  }

  function draw() {
    for (const radio of document.querySelectorAll('input[name="state"]')) radio.checked = radio.value === (now.state ?? '');
    for (const name of FIELDS) {
      const field = node(name);
      const value = now[name] ?? '';
      if (field.tagName === 'SELECT' && value && ![...field.options].some((one) => one.value === value)) {
        field.append(el('option', { value }, value));
      }
      if (field.value !== value) field.value = value;
    }
    const hidden = ['format', 'instrument', 'from', 'to'].filter((name) => now[name]).length;
    setText(byId('filters-now'), hidden ? plural(hidden, 'filter') : '');
    byId('links').replaceChildren(
      ...Object.entries(LINKS).filter(([key]) => now[key]).map(([key, text]) =>
        button(`Only exports ${text}`, {
          kind: 'small', iconName: 'close', 'aria-label': `Only exports ${text}: show all again`,
          on: { click: () => set({ [key]: '' }) },
        })),
    );
    show(byId('links'), byId('links').hasChildNodes());
    show(byId('filters-clear'), Object.keys(now).length > 0);
  }

  function set(values) {
    for (const [key, value] of Object.entries(values)) {
      if (value === '') delete now[key];
      else now[key] = value;
    }
    toAddress();
    draw();
    changed();
  }

  const typed = debounce(250, () => set({ q: node('q').value.trim() }));
  node('q').addEventListener('input', typed);
  for (const name of ['format', 'instrument', 'from', 'to']) {
    node(name).addEventListener('change', ({ target }) => set({ [name]: target.value }));
  }
  byId('states').addEventListener('change', ({ target }) => set({ state: target.value }));
  byId('filters-clear').addEventListener('click', () => {
    set(Object.fromEntries(KEYS.map((key) => [key, ''])));
    node('q').focus();
  });
  byId('search-form').addEventListener('submit', (event) => {
    event.preventDefault();
    set({ q: node('q').value.trim() });
  });
  addEventListener('popstate', () => {
    fromAddress();
    draw();
    changed();
  });
  fromAddress();
  draw();
  byId('filters').open = ['format', 'instrument', 'from', 'to'].some((name) => now[name]);

  return {
    /** The parameters of the question. */
    get query() {
      return { ...now };
    },
    get state() {
      return now.state ?? '';
    },
    /** Whether more is asked than a state, which a page can tell from a task alone. */
    get narrow() {
      return Object.keys(now).some((key) => key !== 'state');
    },
    /** Instruments to choose from, by name. */
    offer(instruments) {
      const field = node('instrument');
      for (const one of instruments) {
        if (![...field.options].some((option) => option.value === one.key)) field.append(el('option', { value: one.key }));
        [...field.options].find((option) => option.value === one.key).textContent = one.name;
      }
      draw();
    },
  };
}
