// Which runs are shown: the brushes on the axes, and the text of the filter.

import { shownState } from "./states.js";
import { valueOf } from "./values.js";

/**
 * Brushed ranges by the name of an axis, in the axis' positions.
 * @typedef {Record<string, [number, number][]>} Brushes
 */

/** The name of the axis of the metric; no parameter can have it. */
export const METRIC_AXIS = "⟨metric⟩";

/**
 * @param {import("./table.js").Run[]} runs
 * @param {Brushes} brushes
 * @param {import("./space.js").Scale[]} scales
 * @param {import("../source/types.js").Sweep} sweep
 */
export function brushed(runs, brushes, scales, sweep) {
  const active = Object.entries(brushes).filter(([, ranges]) => ranges.length > 0);
  if (active.length === 0) return runs;
  const tests = active.map(([name, ranges]) => {
    const scale = scales.find((other) => other.name === name);
    const place =
      name === METRIC_AXIS
        ? (/** @type {import("./table.js").Run} */ run) => valueOf(run, sweep) ?? NaN
        : (/** @type {import("./table.js").Run} */ run) => (scale ? scale.place(run.config[name]) : NaN);
    return (/** @type {import("./table.js").Run} */ run) => {
      const position = place(run);
      return ranges.some(([low, high]) => position >= low && position <= high);
    };
  });
  return runs.filter((run) => tests.every((test) => test(run)));
}

/** @param {Brushes} brushes */
export function brushText(brushes) {
  return Object.entries(brushes)
    .filter(([, ranges]) => ranges.length)
    .map(
      ([name, ranges]) => `${encodeURIComponent(name)}:${ranges.map((range) => range.map(short).join("..")).join("|")}`,
    )
    .join(";");
}

/** @param {number} position */
function short(position) {
  return String(Number(position.toPrecision(8)));
}

/** @param {string} text @returns {Brushes} */
export function parseBrushes(text) {
  /** @type {Brushes} */
  const found = {};
  for (const part of text.split(";").filter(Boolean)) {
    const [name, ranges] = part.split(":");
    const parsed = (ranges ?? "").split("|").map((range) => range.split("..").map(Number));
    const valid = parsed.filter((range) => range.length === 2 && range.every(Number.isFinite));
    if (valid.length) found[decodeName(name)] = /** @type {[number, number][]} */ (valid);
  }
  return found;
}

/** @param {string} name */
function decodeName(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const COMPARISON = /^([^<>=!:\s]+)\s*(<=|>=|!=|=|<|>|:)\s*(.+)$/;

/**
 * The runs that match every word of a filter: `failed`, `node-3`, `lr<0.01`, `optimizer=adam`.
 * @param {import("./table.js").Run[]} runs
 * @param {string} text
 * @param {import("../source/types.js").Sweep} sweep
 */
export function filtered(runs, text, sweep) {
  const tests = text
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => testOf(word, sweep));
  return tests.length === 0 ? runs : runs.filter((run) => tests.every((test) => test(run)));
}

/** @param {string} word @param {import("../source/types.js").Sweep} sweep @returns {(run: import("./table.js").Run) => boolean} */
function testOf(word, sweep) {
  const comparison = COMPARISON.exec(word);
  if (comparison) {
    const [, name, operator, wanted] = comparison;
    return (run) => compares(lookUp(run, name, sweep), operator, wanted);
  }
  const lower = word.toLowerCase();
  return (run) => texts(run).some((text) => text.toLowerCase().includes(lower));
}

/** @param {import("./table.js").Run} run @param {string} name @param {import("../source/types.js").Sweep} sweep */
function lookUp(run, name, sweep) {
  if (name in run.config) return run.config[name];
  if (name === sweep.metric?.name) return valueOf(run, sweep);
  if (name in run.summary) return run.summary[name];
  if (name === "state") return shownState(run);
  return /** @type {any} */ (run)[name];
}

/** @param {unknown} found @param {string} operator @param {string} wanted */
function compares(found, operator, wanted) {
  if (found === null || found === undefined) return operator === "!=";
  const number = Number(wanted);
  const isNumber = typeof found === "number" && wanted !== "" && !Number.isNaN(number);
  if (operator === "=" || operator === ":") return isNumber ? found === number : String(found) === wanted;
  if (operator === "!=") return isNumber ? found !== number : String(found) !== wanted;
  if (!isNumber) return false;
  if (operator === "<") return found < number;
  if (operator === ">") return found > number;
  return operator === "<=" ? found <= number : found >= number;
}

/** @param {import("./table.js").Run} run */
function texts(run) {
  const values = [String(run.index), shownState(run) === "stopped" ? "stopped early" : run.state];
  for (const value of [run.agent, run.host, run.name, run.notes, ...(run.tags ?? [])]) if (value) values.push(value);
  for (const value of Object.values(run.config)) if (typeof value === "string") values.push(value);
  return values;
}
