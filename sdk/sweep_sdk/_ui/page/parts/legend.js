// What colours and shapes represent.

import { html } from "../vendor/preact-htm.js";
import { goodnessRamp } from "../charts/look.js";
import { RUN_STATES, RUN_STATE_ORDER } from "../data/states.js";
import { Glyph } from "./marks.js";

/** @param {{look: import("../charts/look.js").Look}} props */
export function GoodnessLegend({ look }) {
  return html`<span class="legend"
    ><span
      >worst<i class="ramp" style=${{ background: `linear-gradient(90deg, ${goodnessRamp(look).join(",")})` }}></i>best, by rank</span
    ></span
  >`;
}

/** @param {{states: Set<string>}} props */
export function StateLegend({ states }) {
  return html`<span class="legend"
    >${RUN_STATE_ORDER.filter((state) => states.has(state)).map((state) => html`<span class="state"><${Glyph} kind=${RUN_STATES[state]} />${RUN_STATES[state].label}</span>`)}</span
  >`;
}
