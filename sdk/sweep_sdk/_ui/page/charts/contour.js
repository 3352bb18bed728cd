// What the model expects over two parameters, with the runs on top.

import { number, value as valueText } from "../data/format.js";
import { quantile } from "../data/stats.js";
import { valueOf } from "../data/values.js";
import { plotArea, scaleAxis } from "./axes.js";
import { goodnessRamp } from "./look.js";
import { pointSeries, runTip } from "./points.js";
import { tip, tooltip } from "./tip.js";

/**
 * @param {import("../data/table.js").Table} table
 * @param {import("../data/table.js").Run[]} runs
 * @param {{x: import("../data/space.js").Scale, y: import("../data/space.js").Scale}} scales
 * @param {import("../source/types.js").ModelDocument["contour"]} contour
 * @param {string[]} names
 * @param {number} now
 * @param {import("./look.js").Look} look
 */
export function contourChart(table, runs, scales, contour, names, now, look) {
  const { sweep } = table;
  const byIndex = new Map(runs.map((run) => [run.index, run]));
  const cells = contour ? cellsOf(contour, scales) : [];
  const values = contour ? contour.mean.flat() : [];
  const [low, high] = values.length ? [quantile(values, 0), quantile(values, 0.95)] : [0, 1];
  const ramp = goodnessRamp(look);
  const isBetterLow = sweep.metric?.goal !== "maximize";
  return {
    grid: plotArea(look, { right: look.isNarrow ? 18 : 90, left: 84 }),
    xAxis: { ...scaleAxis(look, scales.x), splitLine: { show: false } },
    yAxis: { ...scaleAxis(look, scales.y), splitLine: { show: false }, nameGap: 62 },
    visualMap: contour
      ? {
          type: "continuous",
          show: !look.isNarrow,
          min: isBetterLow ? low : quantile(values, 0.05),
          max: isBetterLow ? high : quantile(values, 1),
          dimension: 2,
          seriesIndex: 0,
          calculable: false,
          inRange: { color: isBetterLow ? [...ramp].reverse() : ramp },
          right: 4,
          top: "middle",
          itemHeight: 120,
          text: [sweep.metric?.name ?? "", ""],
          textStyle: { color: look.muted, fontSize: 11, fontFamily: look.font },
          formatter: (/** @type {number} */ v) => number(v, 3),
        }
      : undefined,
    tooltip: tooltip((event) => {
      const run = event.seriesType === "scatter" ? byIndex.get(event.value?.[2]) : undefined;
      if (run) return runTip(run, sweep, names, now);
      if (event.seriesType !== "custom") return null;
      const [x, y, mean] = event.value;
      return tip("The model expects", [
        [sweep.metric?.name ?? "", number(mean, 4)],
        [scales.x.name, valueText(scales.x.valueAt(x), 3)],
        [scales.y.name, valueText(scales.y.valueAt(y), 3)],
      ]);
    }),
    series: [
      {
        type: "custom",
        data: cells,
        encode: { x: 0, y: 1 },
        clip: true,
        renderItem: (/** @type {any} */ _, /** @type {any} */ api) => {
          const [left, top] = api.coord([api.value(3), api.value(6)]);
          const [right, bottom] = api.coord([api.value(4), api.value(5)]);
          return {
            type: "rect",
            shape: { x: left, y: top, width: right - left + 0.6, height: bottom - top + 0.6 },
            style: { fill: api.visual("color") },
          };
        },
        progressive: 0,
      },
      ...pointSeries(
        runs.filter((run) => valueOf(run, sweep) !== null),
        look,
        (run) => [scales.x.place(run.config[scales.x.name]), scales.y.place(run.config[scales.y.name])],
        { itemStyle: { color: look.surface, borderColor: look.text, borderWidth: 1, opacity: 0.85 } },
      ),
    ],
  };
}

/**
 * Cells as x, y, mean, and their edges.
 * @param {NonNullable<import("../source/types.js").ModelDocument["contour"]>} contour
 * @param {{x: import("../data/space.js").Scale, y: import("../data/space.js").Scale}} scales
 */
function cellsOf(contour, scales) {
  const xs = contour.x.values.map(scales.x.place);
  const ys = contour.y.values.map(scales.y.place);
  const [xEdges, yEdges] = [edges(xs, scales.x), edges(ys, scales.y)];
  return ys.flatMap((y, row) =>
    xs.map((x, column) => [
      x,
      y,
      contour.mean[row][column],
      xEdges[column],
      xEdges[column + 1],
      yEdges[row],
      yEdges[row + 1],
    ]),
  );
}

/** Half-way between neighbours. */
/** @param {number[]} positions @param {import("../data/space.js").Scale} scale */
export function edges(positions, scale) {
  const inner = positions.slice(1).map((position, i) => (position + positions[i]) / 2);
  if (scale.kind === "categorical") return [positions[0] - 0.5, ...inner, positions[positions.length - 1] + 0.5];
  return [positions[0], ...inner, positions[positions.length - 1]];
}
