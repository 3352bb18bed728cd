// Runs as points of a chart: shape and colour by state, and what is said about one of them.

import { duration, number, value } from "../data/format.js";
import { RUN_STATES, shownState } from "../data/states.js";
import { secondsTaken, valueOf } from "../data/values.js";
import { tip } from "./tip.js";

/** @typedef {import("../data/table.js").Run} Run */
/** @typedef {import("../source/types.js").Sweep} Sweep */

const MOST_VALUES = 8;

/** @param {Run} run @param {Sweep} sweep @param {string[]} names @param {number} now @param {string} [foot] */
export function runTip(run, sweep, names, now, foot = "Click to open") {
  const kind = RUN_STATES[shownState(run)];
  const metric = valueOf(run, sweep);
  /** @type {[string, string][]} */
  const pairs = [["state", kind?.label ?? run.state]];
  if (sweep.metric && metric !== null) pairs.push([sweep.metric.name, number(metric, 5)]);
  for (const name of names.slice(0, MOST_VALUES)) if (name in run.config) pairs.push([name, value(run.config[name])]);
  const seconds = secondsTaken(run, now);
  if (seconds !== null) pairs.push(["time", duration(seconds)]);
  if (run.suggestion?.reason) pairs.push(["chosen for", String(run.suggestion.reason)]);
  return tip(`Run ${run.index}`, pairs, foot);
}

/** One series for each state, so that the legend and the shapes are the states'. */
/**
 * @param {Run[]} runs
 * @param {import("./look.js").Look} look
 * @param {(run: Run) => [number, number]} place
 * @param {Record<string, unknown>} [more]
 */
export function pointSeries(runs, look, place, more = {}) {
  /** @type {Map<string, any[]>} */
  const byState = new Map();
  for (const run of runs) {
    const [x, y] = place(run);
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    const state = shownState(run);
    if (!byState.has(state)) byState.set(state, []);
    byState.get(state)?.push([x, y, run.index]);
  }
  const many = runs.length > 2000;
  return [...byState].map(([state, data]) => {
    const kind = RUN_STATES[state] ?? RUN_STATES.finished;
    return {
      type: "scatter",
      name: kind.label,
      symbol: kind.symbol,
      symbolSize: many ? 5 : runs.length > 300 ? 7 : 9,
      itemStyle: { color: look.color(kind.color), opacity: many ? 0.5 : 0.75 },
      emphasis: { scale: 1.6, itemStyle: { opacity: 1 } },
      data,
      progressive: 0, // drawn at once and whole
      z: 3,
      ...more,
    };
  });
}
