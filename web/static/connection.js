// The banner for a lost server: says what happened, keeps asking, and tells the page when it is back.

import { api, connection } from './api.js';
import { button, byId, el, setText } from './dom.js';

const FIRST_WAIT = 500;
const LONGEST_WAIT = 8000;

let probing = false;
let wake = null;

function pause(milliseconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

function draw(banner) {
  const retry = button('Try now', { kind: 'small', on: { click: () => wake?.() } });
  banner.replaceChildren(
    el(
      'div',
      { class: 'connection-in' },
      el(
        'p',
        {},
        el('strong', {}, 'The server does not answer. '),
        'Start it again with ',
        el('code', {}, 'expirytrack serve'),
        '. Exports that were running go on by themselves, and so does this page.',
      ),
      retry,
    ),
  );
  banner.dataset.state = 'lost';
}

async function probe() {
  if (probing) return;
  probing = true;
  const banner = byId('connection');
  draw(banner);
  for (let wait = FIRST_WAIT; ; wait = Math.min(LONGEST_WAIT, wait * 1.6)) {
    await pause(wait * (0.75 + Math.random() / 2));
    try {
      await api.health({ quiet: true });
      break;
    } catch (error) {
      // Any answer at all, even an error, means that the server is there.
      if (!error.offline) break;
    }
  }
  banner.replaceChildren();
  delete banner.dataset.state;
  probing = false;
  setText(byId('live'), 'The server answers again.');
  connection.dispatchEvent(new Event('back'));
}

connection.addEventListener('lost', probe);
addEventListener('online', () => wake?.());
