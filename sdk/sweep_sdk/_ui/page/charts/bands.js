// Values where early termination looks at runs, against what they came to.

import { number } from "../data/format.js";
import { limits } from "../data/values.js";
import { metricAxis, plotArea } from "./axes.js";
import { tip, tooltip } from "./tip.js";

/**
 * @param {import("../source/types.js").Sweep} sweep
 * @param {import("../source/types.js").Band} band
 * @param {import("./look.js").Look} look
 */
export function bandChart(sweep, band, look) {
  const xs = limits(
    band.pairs.map(([x]) => x),
    sweep,
  );
  const ys = limits(
    band.pairs.map(([, y]) => y),
    sweep,
  );
  if (xs === null || ys === null) return null;
  const isGood = (/** @type {number} */ x) =>
    sweep.metric?.goal === "maximize" ? x >= Number(band.threshold) : x <= Number(band.threshold);
  const color = look.color("--stopped");
  const into = (/** @type {number} */ v, /** @type {{min: number, max: number}} */ range) =>
    Math.min(range.max, Math.max(range.min, v));
  const data = (/** @type {boolean} */ good) =>
    band.pairs
      .filter(([x]) => band.threshold === null || isGood(x) === good)
      .map(([x, y, index]) => [into(x, xs), into(y, ys), index]);
  const mark =
    band.threshold === null || band.threshold < xs.min || band.threshold > xs.max
      ? undefined
      : {
          silent: true,
          symbol: "none",
          lineStyle: { color, type: "dashed", width: 1.5 },
          label: { formatter: "threshold", color: look.muted, fontSize: 11, fontFamily: look.font },
          data: [{ xAxis: band.threshold }],
        };
  const point = { type: "scatter", symbolSize: 7, progressive: 0, z: 3 };
  return {
    grid: plotArea(look, { top: 22 }),
    xAxis: { ...metricAxis(look, xs, `value after ${number(band.step)} values`), nameGap: 28 },
    yAxis: metricAxis(look, ys, "final value"),
    tooltip: tooltip((event) =>
      tip(
        `Run ${event.value[2]}`,
        [
          ["at the band", number(event.value[0])],
          ["in the end", number(event.value[1])],
        ],
        "Click to open",
      ),
    ),
    series: [
      {
        ...point,
        name: "kept",
        symbol: "circle",
        itemStyle: { color: look.color("--finished"), opacity: 0.75 },
        data: data(true),
        markLine: mark,
      },
      ...(band.threshold === null
        ? []
        : [
            {
              ...point,
              name: "would be stopped",
              symbol: "rect",
              itemStyle: { color, opacity: 0.8 },
              data: data(false),
            },
          ]),
    ],
  };
}
