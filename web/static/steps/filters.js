// Step 3, filters: which contracts and which of their candles.

import { byId, setText, show } from '../dom.js';
import { DEFAULTS, TYPES } from '../optionset.js';

const NUMBERS = ['strike_from', 'strike_to', 'strikes_around', 'min_volume'];
const TIMES = ['from_time', 'to_time'];
const NAMES = [...NUMBERS, ...TIMES, 'option_types', 'only_with_candles'];
const KINDS = Object.keys(TYPES);

/** A number that has been typed, or null for an empty field. */
export const typed = (field) => (field.value.trim() === '' || Number.isNaN(field.valueAsNumber) ? null : field.valueAsNumber);

/** `told()` after the filters were taken back. */
export function filterFields(draft, { told }) {
  byId('filters-reset').addEventListener('click', () => {
    for (const name of NAMES) draft.options[name] = DEFAULTS[name];
    draw();
    told();
    byId('type-CE').focus();
  });

  function draw() {
    const { options } = draft;
    for (const name of [...NUMBERS, ...TIMES]) {
      const field = byId(name);
      // Half a number is not one yet; it must not be taken from under the fingers.
      if (document.activeElement !== field) field.value = options[name] ?? '';
    }
    for (const kind of KINDS) byId(`type-${kind}`).checked = !options.option_types || options.option_types.includes(kind);
    byId('only_with_candles').checked = options.only_with_candles;
    show(byId('filters-reset').parentElement, NAMES.some((name) => options[name] !== DEFAULTS[name]));
  }

  /** Whether the field is one of these; its value is then in the options. */
  function read(field) {
    const { options } = draft;
    if (NUMBERS.includes(field.name)) options[field.name] = typed(field);
    else if (TIMES.includes(field.name)) options[field.name] = field.value;
    else if (field.name === 'only_with_candles') options.only_with_candles = field.checked;
    else if (field.name === 'option_types') {
      const on = KINDS.filter((kind) => byId(`type-${kind}`).checked);
      options.option_types = on.length === KINDS.length ? null : on;
    } else return false;
    return true;
  }

  return { draw, read };
}

/** The bounds that the server knows, on the fields that it knows them of. */
export function bound(described) {
  for (const { name, min, max } of described) {
    const field = document.querySelector(`#step-options input[type="number"][name="${name}"]`);
    if (!field) continue;
    if (typeof min === 'number') field.min = String(min);
    if (typeof max === 'number') field.max = String(max);
  }
}

/** What stands in the closed line of a part. */
export function tell(part, text, isSet) {
  const node = byId(`${part}-now`);
  setText(node, text);
  node.dataset.set = String(isSet);
}
