// The metric over the runs, and the best value so far.

import { count, number } from "../data/format.js";
import { bestRun, bestSoFar, limits, valueOf } from "../data/values.js";
import { metricAxis, plotArea, valueAxis } from "./axes.js";
import { pointSeries, runTip } from "./points.js";
import { tip, tooltip } from "./tip.js";

/**
 * @param {import("../data/table.js").Table} table
 * @param {import("../data/table.js").Run[]} chosen   the runs of the brushes
 * @param {string[]} names
 * @param {number} now
 * @param {import("./look.js").Look} look
 */
export function historyChart(table, chosen, names, now, look) {
  const { sweep, runs } = table;
  const values = runs.map((run) => valueOf(run, sweep)).filter((v) => v !== null);
  const range = limits(values, sweep);
  if (range === null || !sweep.metric) return null;
  const last = runs.length ? runs[runs.length - 1].index : 1;
  const byIndex = new Map(runs.map((run) => [run.index, run]));
  const best = bestRun(runs, sweep);
  const inside = (/** @type {number} */ y) => Math.min(range.max, Math.max(range.min, y));
  const steps = bestSoFar(runs, sweep).map(([x, y]) => [x, inside(y)]);
  if (steps.length) steps.push([last, steps[steps.length - 1][1]]);
  const option = {
    grid: plotArea(look),
    xAxis: valueAxis(look, {
      name: "run",
      min: -Math.max(0.5, last * 0.01),
      max: last + Math.max(0.5, last * 0.015),
      label: (v) => number(v),
    }),
    yAxis: metricAxis(look, range, sweep.metric.name),
    tooltip: tooltip((event) => {
      const run = byIndex.get(event.value?.[2]);
      if (run) return runTip(run, sweep, names, now);
      return event.value ? tip("Best so far", [[sweep.metric?.name ?? "", number(event.value[1], 5)]]) : null;
    }),
    series: [
      ...pointSeries(chosen, look, (run) => [run.index, clipped(valueOf(run, sweep), range)]),
      {
        type: "line",
        name: "best so far",
        step: "end",
        symbol: "none",
        data: steps,
        lineStyle: { color: look.accent, width: 2.5 },
        z: 4,
        silent: true,
      },
      ...(best ? [bestMark(best, look, range)] : []),
    ],
  };
  return { option, note: outsideNote(range.nOutside) };
}

/** A value that is outside the limits lies on their edge. */
/** @param {number | null} value @param {{min: number, max: number}} range */
function clipped(value, range) {
  if (value === null || Number.isNaN(value)) return NaN;
  return Math.min(range.max, Math.max(range.min, value));
}

/** @param {import("../data/table.js").Run} best @param {import("./look.js").Look} look @param {{min: number, max: number}} range */
function bestMark(best, look, range) {
  return {
    type: "scatter",
    symbol: "circle",
    symbolSize: 16,
    data: [[best.index, clipped(best.best, range), best.index]],
    itemStyle: { color: "transparent", borderColor: look.accent, borderWidth: 2.5 },
    z: 5,
  };
}

/** @param {number} n */
export function outsideNote(n) {
  return n > 0
    ? `${count(n, "value")} far from the rest or not finite ${n === 1 ? "is" : "are"} drawn at the edge or left out.`
    : "";
}
