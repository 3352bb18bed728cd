// The first look at a sweep.

import { html, useEffect, useMemo, useRef } from "../vendor/preact-htm.js";
import { Card, Empty, Waiting } from "../parts/boxes.js";
import { RunTable } from "../parts/run-table.js";
import { Strip } from "../parts/strip.js";
import { Chart } from "../charts/chart.js";
import { historyChart } from "../charts/history.js";
import { importanceChart } from "../charts/importance.js";
import { axesOf, brushesAfter, parallelChart } from "../charts/parallel.js";
import { sliceChart } from "../charts/slice.js";
import { brushText } from "../data/filter.js";
import { count } from "../data/format.js";
import { hashOf, navigate, setQuery } from "../router.js";

const NOTHING = "No run has a value of the metric yet.";

/** @param {import("./sweep.js").Scene} scene */
export function OverviewView(scene) {
  const { table, chosen, scales, model, modelError, look, now } = scene;
  const { sweep } = table;
  const names = scales.map((scale) => scale.name);
  const history = useMemo(() => historyChart(table, chosen, names, now, look), [table, chosen, scales, look]);
  const slice = useMemo(
    () => scales[0] && sliceChart(table, chosen, scales[0], sliceOf(model, scales[0].name), names, now, look),
    [table, chosen, scales, model, look],
  );
  const importance = useMemo(
    () => (model?.importance.length && sweep.metric ? importanceChart(model.importance, sweep.metric, look) : null),
    [model, look],
  );
  const isFitting = sweep.metric && !model && !modelError;
  const open = { click: (/** @type {any} */ event) => openRun(sweep.id, event) };
  return html`
    <${Strip} ...${scene} />
    <div class="cards three">
      <${Card} title="History" note=${history?.note}>
        ${history ? html`<${Chart} height=${280} option=${history.option} on=${open} label=${`${sweep.metric?.name} of ${count(chosen.length, "run")} in their order, with the best value so far`} />` : html`<${Empty}>${sweep.metric ? NOTHING : "The sweep has no metric."}<//>`}
      <//>
      <${Card} title=${scales[0] ? html`What matters most: <span class="mono">${scales[0].name}</span>` : "Slice"}>
        ${slice ? html`<${Chart} height=${280} option=${slice} on=${open} label=${`${sweep.metric?.name} against ${scales[0].name}`} />` : html`<${Empty}>${scales[0] ? NOTHING : "The sweep varies no parameter."}<//>`}
      <//>
      <${Card}
        title="Importance"
        note=${importance ? `Share of the variation of ${sweep.metric?.name} that a parameter explains, of ${count(model?.runs ?? 0, "run")}; the arrow is its rank correlation.` : null}
      >
        ${importance ? html`<${Chart} height=${Math.max(120, Math.min(12, model?.importance.length ?? 0) * 28 + 16)} option=${importance} label=${importanceText(model)} />` : isFitting ? html`<${Waiting} what="The model is being fitted…" />` : html`<${Empty}>${modelError?.message || model?.reason_missing || "There are too few runs to say what matters."}<//>`}
      <//>
    </div>
    <${Parallel} ...${scene} />
    <${RunTable} ...${scene} />
  `;
}

/** @param {import("../source/types.js").ModelDocument | null} model @param {string} name */
export function sliceOf(model, name) {
  return model?.slices.find((slice) => slice.name === name);
}

/** @param {string} sweep @param {any} event */
export function openRun(sweep, event) {
  const index = event.value?.[2] ?? event.data?.[2];
  if (Number.isInteger(index)) navigate(hashOf({ view: "run", sweep, index }));
}

/** @param {import("../source/types.js").ModelDocument | null} model */
function importanceText(model) {
  return `Importance: ${(model?.importance ?? []).map((entry) => `${entry.name} ${Math.round(entry.importance * 100)} %`).join(", ")}`;
}

/** @param {import("./sweep.js").Scene} scene */
function Parallel({ table, scales, brushes, look, route, chosen }) {
  const option = useMemo(() => parallelChart(table, scales, look), [table, scales, look]);
  const names = useMemo(() => {
    const { shown, metric } = axesOf(table, scales);
    return [...shown.map((axis) => axis.name), ...(metric ? [metric.name] : [])];
  }, [table, scales]);
  const drawn = useRef(brushes);
  const chart = useRef(/** @type {import("../vendor/echarts.js").Chart | null} */ (null));
  const show = (/** @type {import("../vendor/echarts.js").Chart} */ made, /** @type {string[]} */ which) => {
    drawn.current = brushes;
    for (const name of which) {
      made.dispatchAction({
        type: "axisAreaSelect",
        parallelAxisId: name,
        intervals: brushes[name] ?? [],
        isOurs: true,
      });
    }
  };
  const restore = (/** @type {import("../vendor/echarts.js").Chart} */ made) => {
    chart.current = made;
    show(
      made,
      Object.keys(brushes).filter((name) => names.includes(name)),
    );
  };
  const select = (/** @type {any} */ event) => {
    if (event.isOurs) return;
    drawn.current = brushesAfter(drawn.current, event);
    setQuery({ brush: brushText(drawn.current) });
  };
  useEffect(() => {
    if (chart.current && brushText(drawn.current) !== brushText(brushes)) show(chart.current, names);
  }, [route.query.brush]);
  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) =>
      event.key === "Escape" && !document.querySelector("dialog[open], .help") && setQuery({ brush: "" });
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  if (!option) return null;
  const hasBrush = Object.keys(brushes).length > 0;
  return html`<${Card}
    wide=${true}
    id="parallel"
    title="Parallel coordinates"
    note=${hasBrush ? `${count(chosen.length, "run")} selected. Esc clears the brushes.` : "Drag along an axis to select runs; the table and the charts follow. The best runs are drawn on top."}
    tools=${hasBrush ? html`<button class="small" onClick=${() => setQuery({ brush: "" })}>Clear the brushes</button>` : null}
  >
    <${Chart}
      height=${320}
      option=${option}
      after=${restore}
      on=${{ axisareaselected: select }}
      label=${`${count(table.runs.length, "run")} as lines through ${names.length} axes`}
    />
  <//>`;
}
