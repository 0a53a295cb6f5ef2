// Opens the call that the address names: a closed one cannot be scrolled to.

import './theme.js';

function open() {
  const call = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (call instanceof HTMLDetailsElement) {
    call.open = true;
    call.scrollIntoView();
  }
}

addEventListener('hashchange', open);
open();
