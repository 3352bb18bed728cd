// The best value so far of several sweeps, over runs or over hours.

import { number } from "../data/format.js";
import { canBeBest, sign } from "../data/values.js";
import { metricAxis, plotArea, valueAxis } from "./axes.js";
import { seriesColor } from "./look.js";
import { tip, tooltip } from "./tip.js";

const DASHES = ["solid", "dashed", "dotted", [8, 3, 2, 3], [2, 4], [12, 4], [4, 2]];

/**
 * Best so far as pairs: over the number of runs that have ended, or over hours since the first began.
 * @param {import("../data/table.js").Table} table
 * @param {"runs" | "hours"} over
 * @returns {[number, number][]}
 */
export function progressOf({ sweep, runs }, over) {
  const factor = sign(sweep);
  const begun = runs.map((run) => run.started_at ?? Infinity).reduce((a, b) => Math.min(a, b), Infinity);
  const ended = runs
    .filter((run) => run.ended_at !== null && run.ended_at !== undefined)
    .sort((a, b) => Number(a.ended_at) - Number(b.ended_at));
  let best = Infinity;
  /** @type {[number, number][]} */
  const steps = [];
  ended.forEach((run, place) => {
    if (canBeBest(run)) best = Math.min(best, factor * Number(run.best));
    if (best !== Infinity)
      steps.push([over === "runs" ? place + 1 : (Number(run.ended_at) - begun) / 3600, factor * best]);
  });
  return steps;
}

/**
 * @param {import("../data/table.js").Table[]} tables
 * @param {"runs" | "hours"} over
 * @param {import("./look.js").Look} look
 */
export function compareChart(tables, over, look) {
  const series = tables
    .map((table, place) => ({ table, place, steps: progressOf(table, over) }))
    .filter(({ steps }) => steps.length > 0);
  if (series.length === 0) return null;
  const xMax = series.reduce((most, { steps }) => Math.max(most, steps[steps.length - 1][0]), 0);
  // the first values of a sweep are often far off, and later differences small
  const ends = series.map(({ steps }) => steps[steps.length - 1][1]);
  const early = series.map(({ steps }) => steps[Math.floor((steps.length - 1) * 0.1)][1]);
  const [low, high] = [Math.min(...ends, ...early), Math.max(...ends, ...early)];
  const margin = (high - low || Math.abs(high) || 1) * 0.15;
  const range = { min: low - margin, max: high + margin };
  return {
    grid: plotArea(look, { right: look.isNarrow ? 18 : 120 }),
    xAxis: valueAxis(look, {
      name: over === "runs" ? "runs that have ended" : "hours since the first run began",
      min: 0,
      max: xMax * 1.01 || 1,
    }),
    yAxis: metricAxis(look, range, tables[0].sweep.metric?.name ?? ""),
    tooltip: tooltip((event) =>
      tip(event.seriesName, [
        [over, number(event.value?.[0] ?? NaN)],
        ["best so far", number(event.value?.[1] ?? NaN, 5)],
      ]),
    ),
    series: series.map(({ table, place, steps }) => ({
      type: "line",
      step: "end",
      name: table.sweep.name || table.sweep.id,
      data: steps,
      symbol: "circle",
      symbolSize: 4,
      showSymbol: steps.length < 60,
      lineStyle: { width: 2.2, color: seriesColor(place, look), type: DASHES[place % DASHES.length] },
      itemStyle: { color: seriesColor(place, look) },
      endLabel: {
        show: !look.isNarrow,
        formatter: "{a}",
        color: look.text,
        fontSize: 12,
        fontFamily: look.font,
        width: 110,
        overflow: "truncate",
      },
      labelLayout: { moveOverlap: "shiftY" },
    })),
  };
}
