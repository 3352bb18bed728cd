// Several sweeps side by side.

import { html, useMemo } from "../vendor/preact-htm.js";
import { Card, Empty, Failure, Select, Waiting } from "../parts/boxes.js";
import { SweepState } from "../parts/marks.js";
import { Chart } from "../charts/chart.js";
import { compareChart } from "../charts/compare.js";
import { seriesColor } from "../charts/look.js";
import { count, duration, number, value } from "../data/format.js";
import { hasEnded } from "../data/states.js";
import { median } from "../data/stats.js";
import { merged } from "../data/table.js";
import { bestRun, secondsTaken } from "../data/values.js";
import { hashOf, setQuery } from "../router.js";
import { usePolled } from "../polling.js";
import { useLook } from "../theme.js";

const MOST = 12;

/** @param {{source: import("../source/types.js").Source, route: import("../router.js").Route}} props */
export function CompareView({ source, route }) {
  const look = useLook();
  const ids = (route.query.ids ?? "").split(",").filter(Boolean).slice(0, MOST);
  const over = route.query.over === "hours" ? "hours" : "runs";
  const { answer, error, again } = usePolled(() => readAll(source, ids), [ids.join(",")], {
    isLive: source.isLive,
    seconds: 10,
  });
  const option = useMemo(
    () =>
      answer
        ? compareChart(
            answer.tables.filter((table) => table.sweep.metric),
            over,
            look,
          )
        : null,
    [answer, over, look],
  );
  if (ids.length === 0)
    return html`<${Empty} hint=${html`<a href="#/">To the list</a>`}>Tick the sweeps to compare in the list.<//>`;
  if (error && !answer) return html`<${Failure} error=${error} again=${again} />`;
  if (!answer) return html`<${Waiting} what=${`Reading ${count(ids.length, "sweep")}…`} height=${320} />`;
  const { tables, now } = answer;
  const metrics = new Set(tables.map(({ sweep }) => `${sweep.metric?.goal} ${sweep.metric?.name}`));
  return html` <nav class="crumbs" aria-label="Place">
      <a href="#/">Sweeps</a><span aria-hidden="true">/</span><span>comparison</span>
    </nav>
    <div class="headline"><h1>${count(tables.length, "sweep")} side by side</h1></div>
    ${metrics.size > 1 ? html`<p class="notice bad">These sweeps have different metrics (${[...metrics].join(", ")}): their values cannot be compared.</p>` : null}
    <${Card}
      title="Best so far"
      wide=${true}
      tools=${html`<${Select} label="Over" value=${over} options=${["runs", "hours"]} onChange=${(/** @type {string} */ v) => setQuery({ over: v === "runs" ? "" : v })} />`}
      note="The first tenth of a sweep may lie outside the picture."
    >
      ${option ? html`<${Chart} height=${380} option=${option} label="Best value so far of each sweep" />` : html`<${Empty}>None of these sweeps has a value yet.<//>`}
    <//>
    <div class="card wide flush scroll"><${Table} tables=${tables} now=${now} look=${look} /></div>`;
}

/** @param {import("../source/types.js").Source} source @param {string[]} ids */
async function readAll(source, ids) {
  const documents = await Promise.all(ids.map((id) => source.table(id)));
  return {
    tables: documents.map((document) => merged(null, document)),
    now: Math.max(...documents.map(({ now }) => now)),
  };
}

/** @param {{tables: import("../data/table.js").Table[], now: number, look: import("../charts/look.js").Look}} props */
function Table({ tables, now, look }) {
  const best = tables.map((table) => bestRun(table.runs, table.sweep));
  const names = [...new Set(tables.flatMap((table) => table.names))];
  const withMetric = tables.filter(({ sweep }) => sweep.metric);
  /** @type {[string, (table: import("../data/table.js").Table, place: number) => unknown][]} */
  const rows = [
    ["State", ({ sweep }) => html`<${SweepState} state=${sweep.state} />`],
    ["Method", ({ sweep }) => sweep.method],
    ["Runs that have ended", ({ runs }) => number(runs.filter(hasEnded).length)],
    ["Failed", ({ runs }) => number(runs.filter((run) => run.state === "failed" || run.state === "crashed").length)],
    ["A run takes", ({ runs }) => duration(median(runs.map((run) => secondsTaken(run, now) ?? NaN)))],
    [
      withMetric[0]?.sweep.metric ? `Best ${withMetric[0].sweep.metric.name}` : "Best",
      ({ sweep }, place) =>
        best[place]
          ? html`<strong>${number(Number(best[place]?.best), 5)}</strong>${" "}<a href=${hashOf({ view: "run", sweep: sweep.id, index: best[place]?.index ?? 0 })}
                >run ${best[place]?.index}</a
              >`
          : "–",
    ],
  ];
  return html`<table class="compare">
    <thead>
      <tr>
        <th></th>
        ${tables.map(({ sweep }, place) => html`<th><i class="dot" style=${{ background: seriesColor(place, look) }}></i><a href=${hashOf({ view: "sweep", sweep: sweep.id })}>${sweep.name || sweep.id}</a></th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        ([title, cell]) =>
          html`<tr>
            <th scope="row">${title}</th>
            ${tables.map((table, place) => html`<td>${cell(table, place)}</td>`)}
          </tr>`,
      )}
      ${names.map(
        (name) =>
          html`<tr>
            <th scope="row" class="mono">${name}</th>
            ${best.map((run) => html`<td class="mono">${run && name in run.config ? value(run.config[name]) : "–"}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}
