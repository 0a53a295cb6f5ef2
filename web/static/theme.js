// Light or dark: the system's choice until the button says otherwise.

import { byId, setAttributes } from './dom.js';

const system = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;

const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);

function draw() {
  setAttributes(byId('theme'), { 'aria-pressed': isDark() });
}

function toggle() {
  const next = isDark() ? 'light' : 'dark';
  root.dataset.theme = next;
  try {
    localStorage.setItem('theme', next);
  } catch {
    // Forbidden storage: the choice then lasts as long as the page.
  }
  draw();
}

byId('theme').addEventListener('click', toggle);
system.addEventListener('change', draw);
addEventListener('storage', (event) => {
  if (event.key !== 'theme') return;
  if (event.newValue) root.dataset.theme = event.newValue;
  else delete root.dataset.theme;
  draw();
});
draw();
