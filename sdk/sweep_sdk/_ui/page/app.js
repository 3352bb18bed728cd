// The shell: the header, the place, and what is on it.

import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { navigate, useRoute } from "./router.js";
import { toggleTheme } from "./theme.js";
import { ListView } from "./views/list.js";
import { SweepView, TABS } from "./views/sweep.js";
import { CompareView } from "./views/compare.js";
import { hashOf } from "./router.js";

/** @param {{source: import("./source/types.js").Source}} props */
export function App({ source }) {
  const route = useRoute();
  const [isHelp, setHelp] = useState(false);
  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => handleKey(event, route, () => setHelp((shown) => !shown));
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [route.view, route.sweep, route.tab]);
  return html`
    <a class="skip" href="#main" onClick=${skip}>To the content</a>
    <header class="top">
      <a class="brand" href="#/"
        ><svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="7" fill="var(--accent)" />
          <path
            d="M6 9c6 0 6 14 10 14s4-14 10-14"
            fill="none"
            stroke="#fff"
            stroke-width="3"
            stroke-linecap="round"
          /></svg
        >sweeps</a
      >
      ${source.title ? html`<span class="note">${source.title}</span>` : null}
      <div class="grow"></div>
      <button class="icon" title="Keys (?)" aria-label="Keys" onClick=${() => setHelp(true)}>?</button>
      <button class="icon" title="Dark or light" aria-label="Dark or light" onClick=${toggleTheme}>◐</button>
    </header>
    <main id="main" tabindex="-1">${content(route, source)}</main>
    ${isHelp ? html`<${Help} onClose=${() => setHelp(false)} />` : null}
  `;
}

/** @param {import("./router.js").Route} route @param {import("./source/types.js").Source} source */
function content(route, source) {
  if (route.view === "list") return html`<${ListView} source=${source} route=${route} />`;
  if (route.view === "compare") return html`<${CompareView} source=${source} route=${route} />`;
  return html`<${SweepView} key=${route.sweep} source=${source} route=${route} />`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** @param {KeyboardEvent} event @param {import("./router.js").Route} route @param {() => void} toggleHelp */
function handleKey(event, route, toggleHelp) {
  const target = event.target;
  const isTyping = target instanceof HTMLElement && target.matches("input, select, textarea");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") toggleHelp();
  else if (event.key === "/") {
    const field = /** @type {HTMLElement | null} */ (document.querySelector("input[type=search]"));
    if (!field) return;
    field.focus();
    event.preventDefault();
  } else if ((event.key === "[" || event.key === "]") && route.view === "sweep") {
    const names = TABS.map(([name]) => name);
    const step = event.key === "]" ? 1 : -1;
    const next = names[(names.indexOf(route.tab) + step + names.length) % names.length];
    navigate(hashOf({ view: "sweep", sweep: route.sweep, tab: next }));
  }
}

const KEYS = [
  ["/", "go to the filter"],
  ["↑ ↓", "move in the table"],
  ["Enter", "open the run or sweep"],
  ["Esc", "clear the brushes"],
  ["[ ]", "the tab before, the next tab"],
  ["?", "show these keys"],
];

/** @param {{onClose: () => void}} props */
function Help({ onClose }) {
  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && onClose();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return html`<div class="veil" onClick=${onClose}>
    <div class="help" role="dialog" aria-modal="true" aria-label="Keys">
      <h2>Keys</h2>
      <dl>
        ${KEYS.map(
          ([key, what]) =>
            html`<dt><kbd>${key}</kbd></dt>
              <dd>${what}</dd>`,
        )}
      </dl>
      <button class="primary" ref=${(/** @type {HTMLElement | null} */ button) => button?.focus()} onClick=${onClose}>
        Close
      </button>
    </div>
  </div>`;
}
