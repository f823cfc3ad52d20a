// All icons are drawn here, on a 24 grid with one stroke width.

import { trusted } from "./dom.js";

const paths = {
  back: '<path d="M14.5 5 8 12l6.5 7"/>',
  more: '<g fill="currentColor" stroke="none"><circle cx="12" cy="5.5" r="1.7"/><circle cx="12" cy="12" r="1.7"/><circle cx="12" cy="18.5" r="1.7"/></g>',
  send: '<path d="M4.5 12h14M12.5 5.5 19 12l-6.5 6.5"/>',
  clip: '<path d="m19 11.5-7.2 7.2a4.6 4.6 0 0 1-6.5-6.5l7.6-7.6a3 3 0 0 1 4.3 4.3l-7.5 7.5a1.5 1.5 0 0 1-2.1-2.1l6.7-6.7"/>',
  close: '<path d="m6 6 12 12M18 6 6 18"/>',
  down: '<path d="m5.5 9 6.5 6.5L18.5 9"/>',
  search: '<circle cx="11" cy="11" r="6"/><path d="m15.5 15.5 4 4"/>',
  add: '<path d="M12 5v14M5 12h14"/>',
  play: '<path d="M8 5.5v13l10.5-6.5z" fill="currentColor"/>',
  pause: '<path d="M9 6v12M15 6v12"/>',
  tick: '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
  link: '<path d="M8 16 16 8M9.5 7.5H16.5V14.5"/>',
  copy: '<rect x="8.5" y="8.5" width="11" height="11" rx="2.5"/><path d="M15.5 5.5a1.5 1.5 0 0 0-1.5-1H6A1.5 1.5 0 0 0 4.5 6v8a1.5 1.5 0 0 0 1 1.5"/>',
  save: '<path d="M12 4.5v10.5m-4.5-4.5 4.5 4.5 4.5-4.5M5 19.5h14"/>',
  person: '<circle cx="12" cy="8.5" r="3.7"/><path d="M5 19.5c.8-3.7 3.6-5.5 7-5.5s6.2 1.8 7 5.5"/>',
  tap: '<path d="M9.5 12.5V6.7a1.7 1.7 0 0 1 3.4 0v4.3l4.3.9a2.3 2.3 0 0 1 1.8 2.6l-.6 3.3a3 3 0 0 1-3 2.5h-3.3a3 3 0 0 1-2.4-1.2l-3.6-4.8a1.5 1.5 0 0 1 2.3-1.9z"/>',
  clock: '<circle cx="12" cy="12" r="7.7"/><path d="M12 7.5V12l3 2"/>',
  block: '<circle cx="12" cy="12" r="7.7"/><path d="m6.7 6.7 10.6 10.6"/>',
  bot: '<path d="M6 11.5a6 6 0 0 1 12 0v4a3.5 3.5 0 0 1-3.5 3.5h-5A3.5 3.5 0 0 1 6 15.5zM12 5.5V3.2"/><path d="M9.7 12.5v1M14.3 12.5v1"/>',
};

export const icon = (name) =>
  trusted(
    "span",
    { class: "icon", "aria-hidden": "true" },
    `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">${paths[name]}</svg>`,
  );
