// Step 2 by a rule: which expiries, said once, so that a template finds the new ones by itself.

import { byId, el, setAttributes, setText, show } from '../dom.js';
import { day, listed, plural } from '../format.js';
import { ruleProblem } from '../rule.js';

const KINDS = {
  last: { last: 4 },
  days: { days: 30 },
  between: { from: '', to: '' },
  all: { all: true },
};
const SHOWN = 12;

const kindOf = (rule) => (rule.all ? 'all' : 'last' in rule ? 'last' : 'days' in rule ? 'days' : 'between');
const whole = (text) => (/^\d+$/.test(text.trim()) ? Number(text) : null);

/** `told()` after every change. */
export function rulePanel(draft, { told }) {
  const panel = byId('expiry-rule');
  const radios = [...panel.querySelectorAll('input[name="rule"]')];
  // What was typed for one kind is still there after a look at another.
  const kept = structuredClone(KINDS);

  function read(kind) {
    if (kind === 'last') return { last: whole(byId('rule-last').value) };
    if (kind === 'days') return { days: whole(byId('rule-days').value) };
    if (kind === 'all') return { all: true };
    const [from, to] = [byId('rule-from').value, byId('rule-to').value];
    return { ...(from ? { from } : {}), ...(to || !from ? { to } : {}) };
  }

  function draw() {
    const kind = kindOf(draft.rule);
    kept[kind] = draft.rule;
    for (const radio of radios) radio.checked = radio.value === kind;
    byId('rule-last').value = kept.last.last ?? '';
    byId('rule-days').value = kept.days.days ?? '';
    byId('rule-from').value = kept.between.from ?? '';
    byId('rule-to').value = kept.between.to ?? '';
  }

  /** What the rule takes today, instrument by instrument. */
  function tally() {
    const wrong = ruleProblem(draft.rule);
    for (const field of panel.querySelectorAll('.rule-fields input')) {
      const mine = field.closest('.rule').querySelector('input[type="radio"]').value === kindOf(draft.rule);
      setAttributes(field, { 'aria-invalid': wrong && mine ? 'true' : null });
    }
    show(byId('rule-now'), !wrong && draft.byRule);
    if (wrong || !draft.byRule) return;
    setText(byId('rule-now-title'), `Today that is ${plural(draft.expiryCount, 'expiry', 'expiries')}`);
    byId('rule-now-list').replaceChildren(
      ...draft.instruments.slice(0, 30).map((one) => {
        const days = draft.dates(one.key);
        return el('div', {}, el('dt', {}, draft.name(one.key)), el('dd', {}, days.length ? listed(days.map(day), SHOWN) : 'none'));
      }),
    );
  }

  panel.addEventListener('input', ({ target }) => {
    const rule = target.closest('.rule');
    // Typing into a rule's field means that rule.
    const radio = target.type === 'radio' ? target : rule.querySelector('input[type="radio"]');
    radio.checked = true;
    draft.rule = read(radio.value);
    kept[radio.value] = draft.rule;
    told();
  });

  return { draw, tally };
}
