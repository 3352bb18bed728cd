// The metric against one parameter, with what the model believes if there is one.

import { limits, valueOf } from "../data/values.js";
import { metricAxis, plotArea, scaleAxis } from "./axes.js";
import { pointSeries, runTip } from "./points.js";
import { tooltip } from "./tip.js";

/**
 * @param {import("../data/table.js").Table} table
 * @param {import("../data/table.js").Run[]} runs
 * @param {import("../data/space.js").Scale} scale
 * @param {import("../source/types.js").Slice | undefined} slice   of the model
 * @param {string[]} names
 * @param {number} now
 * @param {import("./look.js").Look} look
 * @param {boolean} [isSmall]
 */
export function sliceChart(table, runs, scale, slice, names, now, look, isSmall = false) {
  const { sweep } = table;
  const range = limits(
    table.runs.map((run) => valueOf(run, sweep)).filter((v) => v !== null),
    sweep,
  );
  if (range === null || !sweep.metric) return null;
  const byIndex = new Map(runs.map((run) => [run.index, run]));
  const spread = scale.kind === "categorical" || scale.kind === "integer" ? 0.28 : 0;
  const place = (/** @type {import("../data/table.js").Run} */ run) => {
    const value = valueOf(run, sweep);
    const x = scale.place(run.config[scale.name]) + spread * jitter(run.index);
    const y = value === null ? NaN : Math.min(range.max, Math.max(range.min, value));
    return /** @type {[number, number]} */ ([x, y]);
  };
  return {
    grid: plotArea(look, isSmall ? { top: 10 } : {}),
    xAxis: scaleAxis(look, scale, {
      ...(spread && scale.kind === "integer" ? { min: scale.min - 0.5, max: scale.max + 0.5 } : {}),
    }),
    yAxis: metricAxis(look, range, sweep.metric.name),
    tooltip: tooltip((event) => {
      const run = byIndex.get(event.value?.[2]);
      return run ? runTip(run, sweep, names, now) : null;
    }),
    series: [...bandSeries(slice, scale, range, look), ...pointSeries(runs, look, place)],
  };
}

/** A number from -1 to 1 that is always the same for a run, so that equal values lie side by side. */
/** @param {number} index */
function jitter(index) {
  return ((index * 2654435761) >>> 0) / 2 ** 31 - 1;
}

/**
 * The model's mean and its band.
 * @param {import("../source/types.js").Slice | undefined} slice
 * @param {import("../data/space.js").Scale} scale
 * @param {{min: number, max: number}} range
 * @param {import("./look.js").Look} look
 */
function bandSeries(slice, scale, range, look) {
  if (!slice || slice.x.length === 0) return [];
  const inside = (/** @type {number} */ y) => Math.min(range.max, Math.max(range.min, y));
  const xs = slice.x.map((x) => scale.place(x));
  if (scale.kind === "categorical") {
    return [
      {
        type: "custom",
        silent: true,
        z: 4,
        data: xs.map((x, i) => [x, inside(slice.mean[i]), inside(slice.low[i]), inside(slice.high[i])]),
        renderItem: (/** @type {any} */ _, /** @type {any} */ api) => {
          const [left, low] = api.coord([api.value(0) - 0.38, api.value(2)]);
          const [right, high] = api.coord([api.value(0) + 0.38, api.value(3)]);
          const middle = api.coord([api.value(0), api.value(1)])[1];
          return {
            type: "group",
            children: [
              {
                type: "rect",
                shape: { x: left, y: high, width: right - left, height: low - high, r: 3 },
                style: { fill: look.accent, opacity: 0.14 },
              },
              {
                type: "line",
                shape: { x1: left, y1: middle, x2: right, y2: middle },
                style: { stroke: look.accent, lineWidth: 2 },
              },
            ],
          };
        },
      },
    ];
  }
  const line = { type: "line", symbol: "none", silent: true, z: 2 };
  return [
    { ...line, stack: "band", data: xs.map((x, i) => [x, inside(slice.low[i])]), lineStyle: { opacity: 0 } },
    {
      ...line,
      stack: "band",
      data: xs.map((x, i) => [x, inside(slice.high[i]) - inside(slice.low[i])]),
      lineStyle: { opacity: 0 },
      areaStyle: { color: look.accent, opacity: 0.14 },
    },
    { ...line, z: 4, data: xs.map((x, i) => [x, inside(slice.mean[i])]), lineStyle: { color: look.accent, width: 2 } },
  ];
}
