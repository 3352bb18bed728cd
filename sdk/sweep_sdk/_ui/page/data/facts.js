// Facts that help to decide whether a sweep is worth going on.

import { hasEnded, isAtWork } from "./states.js";
import { median } from "./stats.js";
import { bestRun, improvements, secondsTaken } from "./values.js";

const RECENT = 50;

/**
 * @typedef {object} Facts
 * @property {number} nEnded
 * @property {number | null} nPlanned          how many runs there will be, where that is known
 * @property {number} nAtWork
 * @property {number | null} runsPerHour
 * @property {number | null} secondsPerRun     median
 * @property {number | null} secondsLeft
 * @property {number | null} bestAge           runs that have ended since the best one
 * @property {number} recentImprovements       among the last runs
 * @property {number} nRecent                  how many runs "the last" are
 */

/** How many runs a sweep will have; null where it goes on until somebody stops it. */
/** @param {import("../source/types.js").Sweep} sweep */
export function planned(sweep) {
  const known = [sweep.run_cap, sweep.limit, sweep.grid_points].filter((n) => typeof n === "number" && n > 0);
  return known.length ? Math.min(.../** @type {number[]} */ (known)) : null;
}

/**
 * @param {import("./table.js").Table} table
 * @param {number} now
 * @returns {Facts}
 */
export function factsOf(table, now) {
  const { sweep, runs } = table;
  const ended = runs.filter(hasEnded).sort((a, b) => Number(a.ended_at) - Number(b.ended_at));
  const nPlanned = planned(sweep);
  const runsPerHour = paceOf(ended, sweep, now);
  const times = ended.slice(-200).map((run) => secondsTaken(run, now) ?? NaN);
  const secondsPerRun = ended.length ? median(times) : null;
  const isOver = sweep.state === "finished" || sweep.state === "canceled";
  const nLeft = nPlanned === null ? null : Math.max(0, nPlanned - ended.length);
  const best = bestRun(runs, sweep);
  const bestPlace = best === null ? -1 : ended.findIndex((run) => run.index === best.index);
  const recent = new Set(ended.slice(-RECENT).map((run) => run.index));
  return {
    nEnded: ended.length,
    nPlanned,
    nAtWork: runs.filter((run) => isAtWork(run.state)).length,
    runsPerHour,
    secondsPerRun: Number.isFinite(secondsPerRun) ? secondsPerRun : null,
    secondsLeft: isOver || nLeft === null || !runsPerHour ? null : (nLeft / runsPerHour) * 3600,
    bestAge: bestPlace < 0 ? null : ended.length - 1 - bestPlace,
    recentImprovements: improvements(runs, sweep).filter((run) => recent.has(run.index)).length,
    nRecent: recent.size,
  };
}

/**
 * Runs that end in an hour, from the last ones: of a sweep that goes on up to now.
 * @param {import("./table.js").Run[]} ended by end
 * @param {import("../source/types.js").Sweep} sweep
 * @param {number} now
 */
function paceOf(ended, sweep, now) {
  const last = ended.slice(-100);
  if (last.length < 2) return null;
  const from = Number(last[0].ended_at);
  const to =
    sweep.state === "running"
      ? Math.max(now, Number(last[last.length - 1].ended_at))
      : Number(last[last.length - 1].ended_at);
  return to > from ? ((last.length - 1) / (to - from)) * 3600 : null;
}
