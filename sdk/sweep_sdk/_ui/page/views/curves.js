// How the metrics of many runs developed.

import { html, useMemo } from "../vendor/preact-htm.js";
import { Card, Empty, Failure, Select, Toggle, Waiting } from "../parts/boxes.js";
import { GoodnessLegend } from "../parts/legend.js";
import { Chart } from "../charts/chart.js";
import { curvesChart } from "../charts/curves.js";
import { count } from "../data/format.js";
import { bestFirst, goodness } from "../data/values.js";
import { hashOf, navigate, setQuery } from "../router.js";
import { useAsked, usePolled } from "../polling.js";
import { isAtWork } from "../data/states.js";

const POINTS = 200;

/** @param {import("./sweep.js").Scene} scene */
export function CurvesView({ source, route, table, chosen, look, brushes }) {
  const { sweep } = table;
  const { query } = route;
  const metrics = metricNames(table);
  const metric = query.metric && metrics.includes(query.metric) ? query.metric : (metrics[0] ?? "");
  const most = Number(query.n ?? "100");
  const hasFilter = Object.keys(brushes).length > 0 || Boolean(query.filter);
  const indices = useMemo(() => wanted(chosen, sweep, most), [chosen, most]);
  const good = useMemo(() => goodness(table.runs, sweep), [table]);
  const isLive = source.isLive && chosen.some((run) => isAtWork(run.state));
  const key = indices.join(",");
  const { answer, error, again } = usePolled(
    () => (metric && indices.length ? source.curves(sweep.id, metric, indices, POINTS) : Promise.resolve({ runs: [] })),
    [sweep.id, metric, key],
    { isLive, seconds: 5 },
  );
  const bands = useAsked(
    () => (sweep.config?.early_terminate ? source.bands(sweep.id) : Promise.resolve(null)),
    [sweep.id],
  ).answer;
  /** @type {import("../charts/curves.js").CurveOptions} */
  const options = {
    metric,
    x: query.x === "time" ? "time" : "step",
    smoothing: Number(query.smooth ?? "0"),
    isLogX: query.logx === "1",
    isLogY: query.logy === "1",
  };
  const chart = useMemo(
    () =>
      answer
        ? curvesChart(answer.runs, good, options, metric === sweep.metric?.name ? (bands?.bands ?? []) : [], look)
        : null,
    [answer, good, JSON.stringify(options), bands, look],
  );
  if (!metric) return html`<${Empty}>No run has logged a metric yet.<//>`;
  const open = { click: (/** @type {any} */ event) => openCurve(sweep.id, event) };
  return html`<div class="controls">
      <${Select}
        label="Metric"
        value=${metric}
        options=${metrics}
        onChange=${(/** @type {string} */ v) => setQuery({ metric: v === metrics[0] ? "" : v })}
      />
      <${Select}
        label="Runs"
        value=${String(most)}
        options=${["10", "30", "100", "300", "1000"].map((n) => [n, `best ${n}`])}
        onChange=${(/** @type {string} */ v) => setQuery({ n: v === "100" ? "" : v })}
      />
      <${Select}
        label="Over"
        value=${options.x}
        options=${["step", "time"]}
        onChange=${(/** @type {string} */ v) => setQuery({ x: v === "step" ? "" : v })}
      />
      <${Select}
        label="Smoothing"
        value=${String(options.smoothing)}
        options=${[
          ["0", "none"],
          ["0.6", "a little"],
          ["0.9", "more"],
          ["0.97", "much"],
        ]}
        onChange=${(/** @type {string} */ v) => setQuery({ smooth: v === "0" ? "" : v })}
      />
      <${Toggle}
        label="Log steps"
        checked=${options.isLogX}
        onChange=${(/** @type {boolean} */ on) => setQuery({ logx: on ? "1" : "" })}
      />
      <${Toggle}
        label="Log values"
        checked=${options.isLogY}
        onChange=${(/** @type {boolean} */ on) => setQuery({ logy: on ? "1" : "" })}
      />
    </div>
    <${Card}
      title=${`${metric} of ${count(indices.length, "run")}`}
      tools=${html`<${GoodnessLegend} look=${look} />`}
      note=${`${hasFilter ? "The brushes and the filter of the overview apply. " : ""}Each curve keeps its least and its greatest value. Steps that a later attempt logged again are drawn once. Ctrl and the wheel zoom.${chart?.nHidden ? ` ${count(chart.nHidden, "run")} logged no finite value of ${metric}.` : ""}`}
    >
      ${error && !answer ? html`<${Failure} error=${error} again=${again} />` : null}
      ${!answer && !error ? html`<${Waiting} what="Reading the curves…" height=${480} />` : null}
      ${answer ? (chart ? html`<${Chart} height=${480} option=${chart.option} on=${open} label=${`${metric} of ${count(answer.runs.length, "run")} over ${options.x}`} />` : html`<${Empty}>${indices.length ? "None of these runs has logged this metric." : "No run matches the brushes and the filter."}<//>`) : null}
    <//>`;
}

/** The sweep's metric first. */
/** @param {import("../data/table.js").Table} table */
export function metricNames(table) {
  const own = table.sweep.metric?.name;
  const live = table.runs.flatMap((run) => /** @type {any} */ (run).metrics ?? []);
  const names = new Set([
    ...(own ? [own] : []),
    ...table.metrics.filter((name) => !/\.(min|max)$/.test(name)),
    ...live,
  ]);
  return [...names];
}

/** The best runs; where there is no metric, the newest. */
/** @param {import("../data/table.js").Run[]} runs @param {import("../source/types.js").Sweep} sweep @param {number} most */
function wanted(runs, sweep, most) {
  const best = bestFirst(runs, sweep).slice(0, most);
  const rest = runs.filter((run) => !best.includes(run)).reverse();
  return [...best, ...rest.slice(0, Math.max(0, most - best.length))].map((run) => run.index);
}

/** @param {string} sweep @param {any} event */
function openCurve(sweep, event) {
  const index = event.data?.index ?? event.data?.[2] ?? (/^Run (\d+)$/.exec(event.seriesName ?? "") ?? [])[1];
  if (index !== undefined) navigate(hashOf({ view: "run", sweep, index: Number(index) }));
}
