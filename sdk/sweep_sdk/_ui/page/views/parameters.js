// What each parameter does: a slice for each, and the plane of any two.

import { html, useMemo } from "../vendor/preact-htm.js";
import { Card, Empty, Failure, Select, Waiting } from "../parts/boxes.js";
import { Chart } from "../charts/chart.js";
import { contourChart } from "../charts/contour.js";
import { sliceChart } from "../charts/slice.js";
import { percent } from "../data/format.js";
import { setQuery } from "../router.js";
import { useAsked } from "../polling.js";
import { openRun, sliceOf } from "./overview.js";

const MOST_SLICES = 24;

/** @param {import("./sweep.js").Scene} scene */
export function ParametersView(scene) {
  const { table, scales, model, modelError } = scene;
  if (scales.length === 0) return html`<${Empty}>The sweep varies no parameter.<//>`;
  if (!table.sweep.metric)
    return html`<${Empty}>The sweep has no metric, so there is nothing to show its parameters against.<//>`;
  const weight = new Map((model?.importance ?? []).map((entry) => [entry.name, entry.importance]));
  return html`
    ${modelError ? html`<${Failure} error=${modelError} />` : null}
    <p class="note">
      ${model?.slices.length ? "The line is what a model of the runs expects when the other values are the best known ones; 95 % of the values are expected inside the band. It is worked out for every search method." : model?.reason_missing || "The model is on its way."}
    </p>
    <div class="cards">
      ${scales.slice(0, MOST_SLICES).map((scale) => html`<${SliceCard} key=${scale.name} ...${scene} scale=${scale} weight=${weight.get(scale.name)} />`)}
    </div>
    ${scales.length > MOST_SLICES ? html`<p class="note">${scales.length - MOST_SLICES} parameters that matter least are left out.</p>` : null}
    ${scales.length > 1 ? html`<${Plane} ...${scene} />` : null}
  `;
}

/** @param {import("./sweep.js").Scene & {scale: import("../data/space.js").Scale, weight: number | undefined}} scene */
function SliceCard({ table, chosen, scale, model, scales, now, look, weight }) {
  const names = scales.map((other) => other.name);
  const option = useMemo(
    () => sliceChart(table, chosen, scale, sliceOf(model, scale.name), names, now, look, true),
    [table, chosen, scale, model, look],
  );
  const title = html`<span class="mono">${scale.name}</span>`;
  return html`<${Card}
    title=${title}
    tools=${weight === undefined ? null : html`<span class="note">explains ${percent(weight)}</span>`}
  >
    ${option ? html`<${Chart} height=${250} option=${option} on=${{ click: (/** @type {any} */ event) => openRun(table.sweep.id, event) }} label=${`${table.sweep.metric?.name} against ${scale.name}`} />` : html`<${Empty}>No run has a value of the metric yet.<//>`}
  <//>`;
}

/** @param {import("./sweep.js").Scene} scene */
function Plane({ source, route, table, chosen, scales, now, look, model }) {
  const names = scales.map((scale) => scale.name);
  const x = names.includes(route.query.px) ? route.query.px : names[0];
  const y =
    names.includes(route.query.py) && route.query.py !== x
      ? route.query.py
      : (names.find((name) => name !== x) ?? names[0]);
  const { answer, error } = useAsked(() => source.model(table.sweep.id, x, y), [table.sweep.id, x, y, model]);
  const pair = { x: scales[names.indexOf(x)], y: scales[names.indexOf(y)] };
  const contour = answer?.contour?.x.name === x && answer.contour.y.name === y ? answer.contour : null;
  const option = useMemo(
    () => contourChart(table, chosen, pair, contour, names, now, look),
    [table, chosen, scales, x, y, contour, look],
  );
  return html`<${Card}
    title="Two parameters"
    wide=${true}
    tools=${html`<${Select} label="Across" value=${x} options=${names} onChange=${(/** @type {string} */ v) => setQuery({ px: v })} /><${Select} label="Up" value=${y} options=${names.filter((name) => name !== x)} onChange=${(/** @type {string} */ v) => setQuery({ py: v })} />`}
    note=${contour ? "Colour: what the model expects, the other values as in the best run. Points: runs." : "Points: runs."}
  >
    ${error ? html`<${Failure} error=${error} />` : null}
    ${!answer && !error ? html`<${Waiting} height=${420} />` : html`<${Chart} height=${420} option=${option} on=${{ click: (/** @type {any} */ event) => event.seriesType === "scatter" && openRun(table.sweep.id, event) }} label=${`The model over ${x} and ${y}`} />`}
  <//>`;
}
