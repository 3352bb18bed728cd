// What the search expected of each run, and what came.

import { number } from "../data/format.js";
import { limits } from "../data/values.js";
import { metricAxis, plotArea, valueAxis } from "./axes.js";
import { tip, tooltip } from "./tip.js";

const NORMAL_95 = 1.96;

/**
 * @typedef {object} Forecast
 * @property {number} index
 * @property {number} mean
 * @property {number} std
 * @property {number | null} value
 * @property {string=} reason
 */

/**
 * @param {import("../source/types.js").Sweep} sweep
 * @param {Forecast[]} forecasts
 * @param {number} scale    how much wider the band is than the search itself believed
 * @param {import("./look.js").Look} look
 */
export function forecastChart(sweep, forecasts, scale, look) {
  if (forecasts.length === 0 || !sweep.metric) return null;
  const half = (/** @type {Forecast} */ f) => NORMAL_95 * scale * f.std;
  const known = forecasts.filter((f) => f.value !== null);
  const all = forecasts.flatMap((f) => [f.mean - half(f), f.mean + half(f), ...(f.value === null ? [] : [f.value])]);
  const range = limits(all, sweep);
  if (range === null) return null;
  const inside = (/** @type {number} */ v) => Math.min(range.max, Math.max(range.min, v));
  const isInside = (/** @type {Forecast} */ f) => Math.abs(Number(f.value) - f.mean) <= half(f);
  const first = forecasts[0].index;
  const last = forecasts[forecasts.length - 1].index;
  const points = (/** @type {Forecast[]} */ some) => some.map((f) => [f.index, inside(Number(f.value)), f.index]);
  const byIndex = new Map(forecasts.map((f) => [f.index, f]));
  return {
    grid: plotArea(look),
    xAxis: valueAxis(look, { name: "run", min: first - 1, max: last + 1 }),
    yAxis: metricAxis(look, range, sweep.metric.name),
    tooltip: tooltip((event) => {
      const f = byIndex.get(event.value?.[2] ?? event.value?.[0]);
      if (!f) return null;
      const pairs = /** @type {[string, string][]} */ ([
        ["expected", `${number(f.mean)} ± ${number(half(f), 2)}`],
        ["result", f.value === null ? "not yet" : number(f.value, 5)],
      ]);
      if (f.reason) pairs.push(["chosen for", f.reason]);
      return tip(`Run ${f.index}`, pairs, "Click to open");
    }),
    series: [
      {
        type: "custom",
        data: forecasts.map((f) => [f.index, f.mean, f.index, inside(f.mean - half(f)), inside(f.mean + half(f))]),
        encode: { x: 0, y: 1 },
        z: 1,
        progressive: 0,
        renderItem: (/** @type {any} */ _, /** @type {any} */ api) => {
          const width = Math.max(2, Math.min(14, api.size([1, 0])[0] * 0.7));
          const [x, low] = api.coord([api.value(0), api.value(3)]);
          const high = api.coord([api.value(0), api.value(4)])[1];
          const middle = api.coord([api.value(0), inside(api.value(1))])[1];
          return {
            type: "group",
            children: [
              {
                type: "rect",
                shape: { x: x - width / 2, y: high, width, height: Math.max(1, low - high), r: 2 },
                style: { fill: look.accent, opacity: 0.2 },
              },
              {
                type: "rect",
                shape: { x: x - width / 2, y: middle - 1, width, height: 2 },
                style: { fill: look.accent },
              },
            ],
          };
        },
      },
      {
        type: "scatter",
        name: "inside the band",
        symbol: "circle",
        symbolSize: 8,
        itemStyle: { color: look.color("--finished") },
        data: points(known.filter(isInside)),
        z: 3,
        progressive: 0,
      },
      {
        type: "scatter",
        name: "outside the band",
        symbol: "diamond",
        symbolSize: 11,
        itemStyle: { color: look.color("--failed") },
        data: points(known.filter((f) => !isInside(f))),
        z: 3,
        progressive: 0,
      },
    ],
  };
}
