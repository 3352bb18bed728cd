// Cards, messages and small controls.

import { html, useEffect, useState } from "../vendor/preact-htm.js";

/** @param {{title: unknown, note?: unknown, tools?: unknown, children?: unknown, wide?: boolean, id?: string}} props */
export function Card({ title, note, tools, children, wide = false, id }) {
  return html`<section
    class=${`card${wide ? " wide" : ""}`}
    id=${id}
    aria-label=${typeof title === "string" ? title : undefined}
  >
    <header>
      <h2>${title}</h2>
      ${tools ? html`<div class="tools">${tools}</div>` : null}
    </header>
    ${children} ${note ? html`<p class="note">${note}</p>` : null}
  </section>`;
}

/** @param {{children?: unknown, hint?: unknown}} props */
export function Empty({ children, hint }) {
  return html`<div class="empty">
    <p>${children}</p>
    ${hint ? html`<p class="note">${hint}</p>` : null}
  </div>`;
}

/** @param {{what?: string, height?: number}} props */
export function Waiting({ what = "Loading…", height = 120 }) {
  return html`<div class="waiting" style=${{ minHeight: `${height}px` }} role="status">
    <span class="pulse"></span>${what}
  </div>`;
}

/** @param {{error: Error, again?: () => void}} props */
export function Failure({ error, again }) {
  return html`<div class="failure" role="alert">
    <p>${error.message}</p>
    ${again ? html`<button onClick=${again}>Try again</button>` : null}
  </div>`;
}

/** @param {{label: string, value: string, options: (string | [string, string])[], onChange: (value: string) => void}} props */
export function Select({ label, value, options, onChange }) {
  return html`<label class="field"
    ><span>${label}</span>
    <select value=${value} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
      ${options.map((option) => {
        const [key, text] = Array.isArray(option) ? option : [option, option];
        return html`<option value=${key} selected=${key === value}>${text}</option>`;
      })}
    </select></label
  >`;
}

/** @param {{label: string, checked: boolean, onChange: (checked: boolean) => void}} props */
export function Toggle({ label, checked, onChange }) {
  return html`<label class="toggle"
    ><input
      type="checkbox"
      checked=${checked}
      onChange=${(/** @type {any} */ event) => onChange(event.target.checked)}
    />${label}</label
  >`;
}

/** @param {{text: string, label: string}} props */
export function Copy({ text, label }) {
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    if (!isDone) return undefined;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [isDone]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyBySelection(text);
    }
    setDone(true);
  };
  return html`<button class="small" onClick=${copy}>${isDone ? "Copied" : label}</button>`;
}

/** @param {string} text */
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** @param {{name: string, type: string, text: string}} file */
export function download({ name, type, text }) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
