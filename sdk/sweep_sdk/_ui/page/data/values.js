// What runs are worth: values of metrics, ranks, the best one so far.

import { hasEnded } from "./states.js";
import { quantile } from "./stats.js";

/** @typedef {import("./table.js").Run} Run */
/** @typedef {import("../source/types.js").Sweep} Sweep */

const NEVER_BEST = new Set(["failed", "crashed", "pending", "deleted"]);

/**
 * A run's value by a metric: of the sweep's own the best, or what it diverged to; of others the last.
 * @param {Run} run
 * @param {Sweep} sweep
 * @param {string} [metric]
 * @returns {number | null}
 */
export function valueOf(run, sweep, metric = sweep.metric?.name) {
  if (metric === undefined) return null;
  const last = run.summary[metric];
  const value = metric === sweep.metric?.name && run.best !== null ? run.best : last;
  return typeof value === "number" ? value : null;
}

/** Whether a run counts where the best one is looked for. */
/** @param {Run} run */
export function canBeBest(run) {
  return run.best !== null && Number.isFinite(run.best) && !NEVER_BEST.has(run.state);
}

/** 1 where small values are good, else -1. */
/** @param {Sweep} sweep */
export function sign(sweep) {
  return sweep.metric?.goal === "maximize" ? -1 : 1;
}

/** Runs that have a value, the best first. */
/** @param {Run[]} runs @param {Sweep} sweep */
export function bestFirst(runs, sweep) {
  const factor = sign(sweep);
  return runs.filter(canBeBest).sort((a, b) => factor * (Number(a.best) - Number(b.best)) || a.index - b.index);
}

/** @param {Run[]} runs @param {Sweep} sweep @returns {Run | null} */
export function bestRun(runs, sweep) {
  const factor = sign(sweep);
  let best = null;
  for (const run of runs) {
    if (canBeBest(run) && (best === null || factor * (Number(run.best) - Number(best.best)) < 0)) best = run;
  }
  return best;
}

/**
 * How good each run is among the others, from 0 (worst) to 1 (best), by index.
 * @param {Run[]} runs
 * @param {Sweep} sweep
 */
export function goodness(runs, sweep) {
  const order = bestFirst(runs, sweep);
  const last = Math.max(order.length - 1, 1);
  return new Map(order.map((run, place) => [run.index, 1 - place / last]));
}

/**
 * The runs that improved on all before them, in the order in which they ended.
 * @param {Run[]} runs
 * @param {Sweep} sweep
 * @returns {Run[]}
 */
export function improvements(runs, sweep) {
  const factor = sign(sweep);
  let best = Infinity;
  return [...runs]
    .filter(canBeBest)
    .sort((a, b) => endOf(a) - endOf(b) || a.index - b.index)
    .filter((run) => {
      const isBetter = factor * Number(run.best) < best;
      if (isBetter) best = factor * Number(run.best);
      return isBetter;
    });
}

/** @param {Run} run */
function endOf(run) {
  return run.ended_at ?? Infinity;
}

/** The best value after each run, in the order of their indices: pairs of index and value. */
/** @param {Run[]} runs @param {Sweep} sweep @returns {[number, number][]} */
export function bestSoFar(runs, sweep) {
  const factor = sign(sweep);
  let best = Infinity;
  /** @type {[number, number][]} */
  const steps = [];
  for (const run of runs) {
    if (!canBeBest(run)) continue;
    best = Math.min(best, factor * Number(run.best));
    steps.push([run.index, factor * best]);
  }
  return steps;
}

/**
 * Limits of an axis that a few diverged runs do not flatten: those that are far worse than most are
 * outside.
 * @param {number[]} values
 * @param {Sweep} sweep
 * @returns {{min: number, max: number, nOutside: number} | null} null without a finite value
 */
export function limits(values, sweep) {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return null;
  const low = finite.reduce((a, b) => Math.min(a, b));
  const high = finite.reduce((a, b) => Math.max(a, b));
  let [min, max] = [low, high];
  if (finite.length >= 20) {
    const middle = quantile(finite, 0.5);
    const worst = quantile(finite, sign(sweep) > 0 ? 0.95 : 0.05);
    const reach = middle + (worst - middle) * 2.5;
    if (sign(sweep) > 0) max = Math.min(high, Math.max(reach, worst));
    else min = Math.max(low, Math.min(reach, worst));
  }
  const margin = (max - min || Math.abs(max) || 1) * 0.04;
  const nOutside = values.filter((v) => !(v >= min && v <= max)).length;
  return { min: min - margin, max: max + margin, nOutside };
}

/**
 * How long a run's newest attempt has taken; null where nobody knows.
 * @param {Run} run
 * @param {number} now
 */
export function secondsTaken(run, now) {
  if (run.started_at === null || run.started_at === undefined) return null;
  if (run.ended_at !== null && run.ended_at !== undefined) return run.ended_at - run.started_at;
  return run.state === "running" ? Math.max(0, now - run.started_at) : null;
}

/** Runs by state, as shown. */
/** @param {Run[]} runs @param {(run: Run) => string} stateOf */
export function countsBy(runs, stateOf) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const run of runs) counts[stateOf(run)] = (counts[stateOf(run)] ?? 0) + 1;
  return counts;
}

export { hasEnded };
