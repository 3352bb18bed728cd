// Sweeps and runs for tests.

/** @param {Record<string, unknown>} [more] @returns {import("../../sdk/sweep_sdk/_ui/page/source/types.js").Sweep} */
export function aSweep(more = {}) {
  return /** @type {any} */ ({
    id: "s1",
    name: null,
    project: null,
    state: "running",
    method: "random",
    metric: { name: "loss", goal: "minimize" },
    grid_points: null,
    run_cap: null,
    limit: null,
    n_handed_out: 0,
    created_at: 0,
    ...more,
  });
}

/** @param {number} index @param {number | null} best @param {Record<string, unknown>} [more] @returns {import("../../sdk/sweep_sdk/_ui/page/data/table.js").Run} */
export function aRun(index, best, more = {}) {
  return /** @type {any} */ ({
    index,
    best,
    state: "finished",
    attempt: 1,
    stopped_early: false,
    started_at: null,
    ended_at: null,
    config: {},
    summary: best === null ? {} : { loss: best },
    attributes: {},
    ...more,
  });
}

/** @param {ReturnType<typeof aRun>[]} runs @param {Record<string, unknown>} [sweep] @returns {import("../../sdk/sweep_sdk/_ui/page/data/table.js").Table} */
export function aTable(runs, sweep = {}) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.config)))];
  return { sweep: aSweep(sweep), runs, revision: "a.1", names, metrics: ["loss"] };
}

/** @returns {import("../../sdk/sweep_sdk/_ui/page/charts/look.js").Look} */
export function aLook() {
  const color = (/** @type {string} */ name) => `color of ${name}`;
  const look = { text: "t", muted: "m", line: "l", surface: "s", accent: "a", faint: "f", font: "sans" };
  return { ...look, isDark: false, isNarrow: false, color };
}
