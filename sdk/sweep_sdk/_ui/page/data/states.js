// The states of runs and sweeps: their names, and the shapes and colours that represent them.

/**
 * @typedef {object} StateKind
 * @property {string} label
 * @property {string} symbol   of a chart: the name of one of ECharts' shapes, or a path
 * @property {string} path     of an SVG of 16 x 16
 * @property {string} color    the name of a CSS variable
 * @property {boolean=} isHollow
 */

const CROSS = "M3 5 5 3 8 6 11 3 13 5 10 8 13 11 11 13 8 10 5 13 3 11 6 8Z";
const DISC = "M8 3a5 5 0 1 0 .01 0Z";
const UP = "M8 2.5 14 13H2Z";
const DOWN = "M8 13.5 2 3h12Z";

/** @type {Record<string, StateKind>} */
export const RUN_STATES = {
  finished: { label: "finished", symbol: "circle", path: DISC, color: "--finished" },
  running: { label: "running", symbol: "path://M3 2.5 14 8 3 13.5Z", path: "M4 2.5 14 8 4 13.5Z", color: "--running" },
  stopped: { label: "stopped early", symbol: "rect", path: "M3 3h10v10H3Z", color: "--stopped" },
  failed: { label: "failed", symbol: `path://${CROSS}`, path: CROSS, color: "--failed" },
  crashed: { label: "crashed", symbol: "triangle", path: UP, color: "--crashed" },
  killed: { label: "killed", symbol: "diamond", path: "M8 1.5 14 8 8 14.5 2 8Z", color: "--killed" },
  preempted: { label: "preempted", symbol: `path://${DOWN}`, path: DOWN, color: "--preempted" },
  preempting: { label: "preempting", symbol: `path://${DOWN}`, path: DOWN, color: "--preempted" },
  pending: { label: "waiting", symbol: "emptyCircle", path: DISC, color: "--pending", isHollow: true },
};

/** In the order of bars and legends. */
export const RUN_STATE_ORDER = Object.keys(RUN_STATES);

/** @type {Record<string, StateKind>} */
export const SWEEP_STATES = {
  pending: { ...RUN_STATES.pending, label: "not begun" },
  running: RUN_STATES.running,
  paused: { label: "paused", symbol: "rect", path: "M3 2.5h3.6v11H3ZM9.4 2.5H13v11H9.4Z", color: "--stopped" },
  finished: RUN_STATES.finished,
  canceled: { label: "canceled", symbol: "diamond", path: CROSS, color: "--killed" },
};

/** A run's state as it is shown: one that early termination has ended has a state of its own. */
/** @param {{state: string, stopped_early?: boolean}} run */
export function shownState(run) {
  return run.stopped_early ? "stopped" : run.state;
}

/** States in which an agent works on a run. */
/** @param {string} state */
export function isAtWork(state) {
  return state === "running" || state === "preempting";
}

/** @param {string} state */
export function isFailure(state) {
  return state === "failed" || state === "crashed" || state === "killed";
}

/** @param {{state: string}} run */
export function hasEnded(run) {
  return run.state === "finished" || isFailure(run.state);
}
