// States as people see them: a shape and a word.

import { html } from "../vendor/preact-htm.js";
import { RUN_STATES, RUN_STATE_ORDER, SWEEP_STATES } from "../data/states.js";
import { count } from "../data/format.js";

/** @param {{kind: import("../data/states.js").StateKind, size?: number}} props */
export function Glyph({ kind, size = 12 }) {
  const color = `var(${kind.color})`;
  const paint = kind.isHollow ? { fill: "none", stroke: color, "stroke-width": 2 } : { fill: color };
  return html`<svg class="glyph" width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true">
    <path d=${kind.path} ...${paint} />
  </svg>`;
}

/** @param {{state: string}} props */
export function RunState({ state }) {
  const kind = RUN_STATES[state] ?? { ...RUN_STATES.pending, label: state };
  return html`<span class="state"><${Glyph} kind=${kind} />${kind.label}</span>`;
}

/** @param {{state: string}} props */
export function SweepState({ state }) {
  const kind = SWEEP_STATES[state] ?? { ...RUN_STATES.pending, label: state };
  return html`<span class="state"><${Glyph} kind=${kind} />${kind.label}</span>`;
}

/**
 * Runs by state as a bar.
 * @param {{counts: Record<string, number>, total?: number | null}} props   total: with those to come
 */
export function StateBar({ counts, total = null }) {
  const known = RUN_STATE_ORDER.filter((state) => counts[state]);
  const n = known.reduce((sum, state) => sum + counts[state], 0);
  const all = Math.max(total ?? 0, n) || 1;
  const words = known.map((state) => `${counts[state].toLocaleString("en-US")} ${RUN_STATES[state].label}`).join(", ");
  return html`<div class="statebar" role="img" aria-label=${words || "no runs yet"} title=${words}>
    ${known.map(
      (state) =>
        html`<span
          style=${{ width: `${(counts[state] / all) * 100}%`, background: `var(${RUN_STATES[state].color})` }}
        ></span>`,
    )}
  </div>`;
}

/** @param {{counts: Record<string, number>, onPick?: (state: string) => void}} props */
export function StateCounts({ counts, onPick }) {
  const known = RUN_STATE_ORDER.filter((state) => counts[state]);
  return html`<ul class="statecounts">
    ${known.map((state) => {
      const words = `${counts[state].toLocaleString("en-US")} ${RUN_STATES[state].label}`;
      const inner = html`<${Glyph} kind=${RUN_STATES[state]} />${words}`;
      const title = `Show ${count(counts[state], "run")}: ${RUN_STATES[state].label}`;
      return html`<li>
        ${onPick ? html`<button class="quiet" title=${title} onClick=${() => onPick(state)}>${inner}</button>` : inner}
      </li>`;
    })}
  </ul>`;
}
