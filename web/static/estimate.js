// What the export would be, asked of the server whenever the choice has come to rest.

import { api } from './api.js';
import { debounce } from './dom.js';

export class Estimator extends EventTarget {
  constructor(draft) {
    super();
    this.draft = draft;
    this.result = null;
    this.error = null;
    this.busy = false;
    this.asked = '';
    this.ask = debounce(250, () => this.run());
    draft.addEventListener('change', () => this.ask());
  }

  async run({ force = false } = {}) {
    const body = this.draft.body();
    const text = JSON.stringify(body);
    if (text === this.asked && !force) return;
    this.asked = text;
    this.running?.abort();
    const mine = new AbortController();
    this.running = mine;
    if (!body) {
      this.settle({ result: null, error: null });
      return;
    }
    this.busy = true;
    this.dispatchEvent(new Event('change'));
    try {
      this.settle({ result: await api.preview(body, mine.signal), error: null });
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.asked = '';
      this.settle({ result: null, error });
    }
  }

  settle(values) {
    Object.assign(this, values, { busy: false });
    this.dispatchEvent(new Event('change'));
  }

  /** Bytes of the chosen format. */
  get size() {
    return this.result?.sizes[this.draft.options.format] ?? null;
  }
}
