// What people can do to sweeps and runs, and what each of it will do, in words.

import { count } from "../data/format.js";
import { isAtWork, isFailure } from "../data/states.js";

/** @typedef {import("../parts/dialog.js").Question & {short: string}} Action */

/** @param {import("../data/table.js").Table} table @returns {Action[]} */
export function sweepQuestions({ sweep, runs }) {
  const nAtWork = runs.filter((run) => isAtWork(run.state)).length;
  const nFailed = runs.filter((run) => isFailure(run.state)).length;
  const programs = nAtWork
    ? `${count(nAtWork, "program")} that ${nAtWork === 1 ? "is" : "are"} running`
    : "Programs that are running";
  const on = { sweep: sweep.id };
  const isOpen = sweep.state === "running" || sweep.state === "pending";
  /** @type {Action[]} */
  const found = [];
  if (isOpen)
    found.push({
      short: "Pause",
      title: "Pause the sweep?",
      text: `No more runs are handed out; agents wait. ${programs} will go on to their ends. Resume goes on where this stopped.`,
      button: "Pause",
      request: { ...on, action: "pause" },
    });
  if (sweep.state === "paused" || sweep.state === "finished")
    found.push({
      short: "Resume",
      title: "Resume the sweep?",
      text: "Runs are handed out again. Agents that wait get one within seconds; agents that have ended must be started again.",
      button: "Resume",
      request: { ...on, action: "resume" },
    });
  if (isOpen || sweep.state === "paused") {
    found.push({
      short: "Stop",
      title: "Stop the sweep?",
      text: `No more runs are handed out, and agents end once they have nothing to do. ${programs} will go on to their ends. The sweep can be resumed later.`,
      button: "Stop",
      request: { ...on, action: "stop" },
    });
    found.push({
      short: "Cancel",
      title: "Cancel the sweep?",
      text: `${programs} will be ended at their next report, and no more runs are handed out. A canceled sweep cannot be resumed.`,
      button: "Cancel the sweep",
      isDanger: true,
      request: { ...on, action: "cancel" },
    });
  }
  if (nFailed > 0 && sweep.state !== "canceled")
    found.push({
      short: "Retry failed runs",
      title: `Retry ${count(nFailed, "run")}?`,
      text: "All runs that failed, crashed or were killed are handed out again, with the same configurations. Their earlier attempts are kept.",
      button: "Retry",
      request: { ...on, action: "retry-failed" },
    });
  return found;
}

/** @param {import("../source/types.js").Sweep} sweep @param {number | null} cap @returns {Action} */
export function capQuestion(sweep, cap) {
  const text =
    cap === null
      ? "The sweep hands out runs until its space is used up or somebody stops it."
      : `The sweep hands out ${count(cap, "run")} in all and has handed out ${count(sweep.n_handed_out, "run")} so far.${cap <= sweep.n_handed_out ? " So it hands out no more." : ""}`;
  return {
    short: "Change",
    title: cap === null ? "Remove the run cap?" : `Set the run cap to ${cap.toLocaleString("en-US")}?`,
    text,
    button: cap === null ? "Remove it" : "Set it",
    request: { action: "set-cap", sweep: sweep.id, cap },
  };
}

/** @param {import("../source/types.js").Sweep} sweep @param {import("../data/table.js").Run} run @returns {Action[]} */
export function runQuestions(sweep, run) {
  const on = { sweep: sweep.id, run: run.index };
  const name = `run ${run.index}`;
  if (isAtWork(run.state) || run.state === "crashed") {
    const stop = {
      short: "Stop",
      title: `Stop ${name}?`,
      text: "Its agent ends the program at its next report. What the program has logged by then is kept, and the run counts as finished.",
      button: "Stop it",
      isDanger: true,
      request: { ...on, action: "stop-run" },
    };
    if (isAtWork(run.state)) return [stop];
  }
  /** @type {Action[]} */
  const found = [];
  if (isFailure(run.state))
    found.push({
      short: "Retry",
      title: `Retry ${name}?`,
      text: "It is handed out again with the same configuration. What its earlier attempts have logged is kept.",
      button: "Retry it",
      request: { ...on, action: "retry-run", attempt: run.attempt },
    });
  if (run.state !== "pending")
    found.push({
      short: "Delete",
      title: `Delete ${name}?`,
      text: "Its rows, its summary and its place in pictures and tables are deleted for good. Its configuration is not handed out again, and the search forgets its result.",
      button: "Delete it",
      isDanger: true,
      request: { ...on, action: "delete-run", attempt: run.attempt },
    });
  return found;
}
