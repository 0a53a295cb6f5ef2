// The form of a schedule, new or changed; what its times mean is read by the server as it is typed.

import { api, explain } from './api.js';
import { DAYS, fromCron, toCron } from './cron.js';
import { byId, debounce, el, message, setAttributes, setText, show } from './dom.js';
import { moment, plural, sentence } from './format.js';
import { handedOver } from './keep.js';
import { name } from './names.js';
import { oneLine } from './summary.js';

const OWN = 'own'; // the configuration that the schedule itself holds
const whole = (id) => (byId(id).value.trim() === '' ? null : byId(id).valueAsNumber);

/** When a slot is, with its weekday and without seconds. */
export function slot(iso) {
  const short = new Intl.DateTimeFormat('en-GB', { weekday: 'short', timeZone: 'Asia/Kolkata' }).format(new Date(iso));
  return `${short} ${moment(iso).slice(0, -3)}`;
}

/** `saved(schedule)` and `left()` end it. */
export function scheduleForm({ saved, left }) {
  const form = byId('form');
  let current = null; // the schedule that is changed, or null for a new one
  let own = null; // a request of its own
  let templates = [];
  let asking = null;
  let readable = true;

  const kind = () => form.querySelector('input[name="kind"]:checked').value;
  const choose = (group, value) => {
    for (const radio of form.querySelectorAll(`input[name="${group}"]`)) radio.checked = radio.value === value;
  };

  function cron() {
    const time = byId('time').value;
    const monthday = byId('monthday').valueAsNumber;
    if (kind() === 'cron') return byId('cron').value.trim();
    if (!time || (kind() === 'monthly' && !(monthday >= 1 && monthday <= 31))) return '';
    return toCron({ kind: kind(), time, weekday: Number(byId('weekday').value), monthday });
  }

  function fields() {
    const now = kind();
    show(byId('time-field'), now !== 'cron');
    show(byId('weekday-field'), now === 'weekly');
    show(byId('monthday-field'), now === 'monthly');
    show(byId('cron-field'), now === 'cron');
    const hint = {
      trading: 'Holidays of the exchange are not known; on one of them it runs too.',
      monthly: byId('monthday').valueAsNumber > 28 ? 'Months without that day are passed over.' : '',
    };
    setText(byId('reading-hint'), hint[now] ?? '');
    rules();
  }

  function rules() {
    const parts = [];
    if (byId('only_new').checked) parts.push('only new expiries');
    if (form.querySelector('#missed-skip').checked) parts.push('missed runs left out');
    if (whole('keep_runs')) parts.push(`files of ${plural(whole('keep_runs'), 'run')}`);
    if (whole('keep_days')) parts.push(`files for ${plural(whole('keep_days'), 'day')}`);
    setText(byId('part-rules-now'), parts.join(' · ') || 'the usual');
    byId('part-rules-now').dataset.set = String(parts.length > 0);
  }

  function told({ reading = '', next = [], problem = '' }) {
    readable = !problem;
    byId('reading').dataset.bad = String(!readable);
    setText(byId('reading-words'), problem || reading);
    byId('reading-next').replaceChildren(...next.map((iso) => el('li', {}, slot(iso))));
    setAttributes(byId('cron'), { 'aria-invalid': problem && kind() === 'cron' ? 'true' : null });
  }

  async function read() {
    asking?.abort();
    const text = cron();
    if (!text) {
      told({ problem: kind() === 'cron' ? 'Enter five fields, such as 30 18 * * 1-5.' : 'Enter when.' });
      return;
    }
    const mine = new AbortController();
    asking = mine;
    try {
      const answer = await api.schedules.explain(text, mine.signal);
      told({ reading: answer.reading, next: answer.next_runs });
    } catch (error) {
      if (error.name === 'AbortError') return;
      told({ problem: (error.problems.length ? error.problems : [error.message]).map(sentence).join(' ') });
    }
  }
  const readSoon = debounce(200, read);

  function what() {
    const options = templates.map((one) => el('option', { value: one.id }, one.name));
    if (own) options.unshift(el('option', { value: OWN }, 'Its own configuration'));
    byId('what').replaceChildren(...options);
  }

  function whatHint() {
    const chosen = byId('what').value;
    const request = chosen === OWN ? own : templates.find((one) => one.id === chosen)?.request;
    setText(byId('what-hint'), request ? oneLine(request, name) : 'Make a template in the wizard first.');
  }

  /** `schedule` to change, or `template` (an id) or `request` for a new one. */
  async function open({ schedule = null, template = null, wizard = false } = {}) {
    current = schedule;
    own = schedule?.request ?? (wizard ? handedOver() : null);
    message(byId('form-notice'), null);
    setText(byId('form-title'), schedule ? `Change “${schedule.name}”` : 'New schedule');
    templates = (await api.templates.list()).templates;
    what();
    const wanted = schedule?.template_id ?? (own ? OWN : template);
    if (wanted) byId('what').value = wanted;
    whatHint();
    const when = fromCron(schedule?.cron ?? '0 18 * * 1-5');
    choose('kind', when.kind);
    byId('time').value = when.time;
    byId('weekday').value = String(when.weekday);
    byId('monthday').value = String(when.monthday);
    byId('cron').value = schedule?.cron ?? '0 18 * * 1-5';
    const chosen = templates.find((one) => one.id === byId('what').value);
    byId('name').value = schedule?.name ?? chosen?.name ?? '';
    byId('only_new').checked = schedule?.only_new ?? false;
    choose('missed', schedule?.missed ?? 'run');
    byId('keep_runs').value = schedule?.keep_runs ?? '';
    byId('keep_days').value = schedule?.keep_days ?? '';
    show(form, true);
    fields();
    read();
    form.scrollIntoView({ block: 'nearest' });
    byId('form-title').focus();
  }

  function close() {
    show(form, false);
    asking?.abort();
  }

  function problem() {
    if (!byId('name').value.trim()) return ['name', 'Give the schedule a name.'];
    if (!byId('what').value) return ['what', 'There is no template yet to run. Open the wizard and save one in its last step.'];
    if (!readable || !cron()) return [kind() === 'cron' ? 'cron' : 'time', 'Say when it shall run.'];
    return null;
  }

  async function submit() {
    const wrong = problem();
    setAttributes(byId('name'), { 'aria-invalid': wrong?.[0] === 'name' ? 'true' : null });
    if (wrong) {
      message(byId('form-notice'), { kind: 'error', title: wrong[1] });
      byId(wrong[0]).focus();
      return;
    }
    const chosen = byId('what').value;
    const body = {
      name: byId('name').value.trim(),
      cron: cron(),
      ...(chosen === OWN ? { request: own } : { template_id: chosen }),
      missed: form.querySelector('input[name="missed"]:checked').value,
      only_new: byId('only_new').checked,
      keep_runs: whole('keep_runs'),
      keep_days: whole('keep_days'),
    };
    byId('save').setAttribute('aria-disabled', 'true');
    try {
      const done = current ? await api.schedules.change(current.id, body) : await api.schedules.add(body);
      close();
      saved(done);
    } catch (error) {
      message(byId('form-notice'), explain(error, 'Saving the schedule'));
      byId('form-notice').scrollIntoView({ block: 'nearest' });
    } finally {
      byId('save').removeAttribute('aria-disabled');
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener('input', ({ target }) => {
    if (target.name === 'kind' && target.value === 'cron') byId('cron').value ||= '0 18 * * 1-5';
    fields();
    if (target.id === 'what') whatHint();
    if (['kind'].includes(target.name) || ['time', 'weekday', 'monthday', 'cron'].includes(target.id)) readSoon();
  });
  byId('cancel').addEventListener('click', () => {
    const changed = current;
    close();
    left(changed);
  });

  return { open, close };
}
