// Who worked on what, and when.

import { html, useMemo } from "../vendor/preact-htm.js";
import { Card, Empty } from "../parts/boxes.js";
import { StateLegend } from "../parts/legend.js";
import { Chart } from "../charts/chart.js";
import { attemptsOf, timelineChart } from "../charts/timeline.js";
import { count, percent } from "../data/format.js";
import { hashOf, navigate } from "../router.js";

/** @param {import("./sweep.js").Scene} scene */
export function TimelineView({ table, chosen, look, now }) {
  const attempts = useMemo(() => attemptsOf(chosen, now), [chosen, now]);
  const chart = useMemo(() => timelineChart(attempts, now, look), [attempts, look]);
  if (!chart)
    return html`<${Empty}
      >${table.runs.length ? "None of these runs has begun." : "No agent has worked on this sweep yet."}<//
    >`;
  const open = {
    click: (/** @type {any} */ event) =>
      event.data && navigate(hashOf({ view: "run", sweep: table.sweep.id, index: event.data.index })),
  };
  return html`<${Card}
    wide=${true}
    title=${`${count(attempts.length, "attempt")} of ${count(chosen.length, "run")}`}
    tools=${html`<${StateLegend} states=${new Set(attempts.map(({ state }) => state))} />`}
    note=${`A lane is an agent; a gap is idle time. Agents were at work ${percent(busyShare(attempts))} of the time between their first and last attempts. An attempt whose agent was lost ends when it was last heard from. Ctrl and the wheel zoom.${chart.nLeftOut ? ` ${count(chart.nLeftOut, "agent")} left out.` : ""}`}
  >
    <${Chart}
      height=${chart.height}
      option=${chart.option}
      on=${open}
      label=${`${count(attempts.length, "attempt")} on the lanes of their agents`}
    />
  <//>`;
}

/** @param {import("../charts/timeline.js").Attempt[]} attempts */
export function busyShare(attempts) {
  /** @type {Map<string, {from: number, to: number, busy: number}>} */
  const agents = new Map();
  for (const { agent, from, to } of attempts) {
    const known = agents.get(agent) ?? { from, to, busy: 0 };
    agents.set(agent, { from: Math.min(known.from, from), to: Math.max(known.to, to), busy: known.busy + to - from });
  }
  const all = [...agents.values()];
  const total = all.reduce((sum, { from, to }) => sum + to - from, 0);
  return total > 0 ? Math.min(1, all.reduce((sum, { busy }) => sum + busy, 0) / total) : 1;
}
