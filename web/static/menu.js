// The list of pages where they do not stand side by side.

const button = document.getElementById('menu');

function open(wanted) {
  button.setAttribute('aria-expanded', String(wanted));
}

if (button) {
  const bar = button.parentElement;
  button.addEventListener('click', () => open(button.getAttribute('aria-expanded') !== 'true'));
  bar.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || button.getAttribute('aria-expanded') !== 'true') return;
    open(false);
    button.focus();
  });
  bar.addEventListener('focusout', (event) => {
    if (event.relatedTarget && !bar.contains(event.relatedTarget)) open(false);
  });
  document.addEventListener('pointerdown', (event) => {
    if (!bar.contains(event.target)) open(false);
  });
}
