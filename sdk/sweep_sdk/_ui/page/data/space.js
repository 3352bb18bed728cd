// The search space as a sweep's configuration describes it: a scale for every parameter.

import { ranks } from "./stats.js";

/**
 * Where the values of a parameter lie on an axis.
 * @typedef {object} Scale
 * @property {string} name
 * @property {"linear" | "log" | "integer" | "categorical"} kind
 * @property {number} min              in positions
 * @property {number} max
 * @property {unknown[]} categories    of a categorical scale
 * @property {(value: unknown) => number} place   a position; NaN for a value that has none
 * @property {(position: number) => unknown} valueAt
 */

const LOG = new Set([
  "log_uniform",
  "log_uniform_values",
  "q_log_uniform",
  "q_log_uniform_values",
  "inv_log_uniform",
  "inv_log_uniform_values",
  "log_normal",
  "q_log_normal",
]);
const EXPONENTS = new Set(["log_uniform", "q_log_uniform", "inv_log_uniform"]);

/**
 * The parameters that a sweep varies, with dotted names.
 * @param {Record<string, any> | undefined} config
 * @returns {{name: string, entry: Record<string, any>}[]}
 */
export function searched(config) {
  return leaves(config?.parameters ?? {}, "").filter(({ entry }) => varies(entry));
}

/** @param {Record<string, any>} section @param {string} prefix @returns {{name: string, entry: any}[]} */
function leaves(section, prefix) {
  return Object.entries(section).flatMap(([name, entry]) =>
    entry && typeof entry === "object" && entry.parameters
      ? leaves(entry.parameters, `${prefix}${name}.`)
      : [{ name: `${prefix}${name}`, entry }],
  );
}

/** @param {Record<string, any>} entry */
function varies(entry) {
  if (!entry || typeof entry !== "object") return false;
  return entry.distribution !== "constant" && !("value" in entry) && !(entry.values?.length === 1);
}

/**
 * Scales of the parameters, from the distributions of the sweep and the values of its runs.
 * @param {import("../source/types.js").Sweep} sweep
 * @param {import("./table.js").Run[]} runs
 * @returns {Scale[]}
 */
export function scalesOf(sweep, runs) {
  return searched(sweep.config).map(({ name, entry }) => {
    const values = [];
    for (const run of runs) if (name in run.config) values.push(run.config[name]);
    return scaleOf(name, entry, values);
  });
}

/**
 * @param {string} name
 * @param {Record<string, any>} entry
 * @param {unknown[]} values
 * @returns {Scale}
 */
export function scaleOf(name, entry, values) {
  if (Array.isArray(entry.values)) {
    return spreadOut(entry.values) ? numeric(name, "log", entry.values) : categorical(name, entry.values, values);
  }
  const bounds = boundsOf(entry);
  const seen = values.filter((value) => typeof value === "number");
  const known = /** @type {number[]} */ ([...bounds, ...seen]);
  if (known.length === 0 || values.some((value) => typeof value === "string")) {
    return categorical(name, [], values);
  }
  const kind = LOG.has(entry.distribution) && known.every((v) => v > 0) ? "log" : isWhole(entry) ? "integer" : "linear";
  return numeric(name, kind, known);
}

/** The bounds of a distribution in the values' own units. */
/** @param {Record<string, any>} entry */
function boundsOf(entry) {
  const bounds = [entry.min, entry.max].filter((bound) => typeof bound === "number");
  return EXPONENTS.has(entry.distribution) ? bounds.map((bound) => Math.exp(bound)) : bounds;
}

/** @param {Record<string, any>} entry */
function isWhole(entry) {
  return (
    entry.distribution === "int_uniform" || (String(entry.distribution).startsWith("q_") && Number.isInteger(entry.q))
  );
}

/** Whether listed numbers are spread over decades. */
/** @param {unknown[]} values */
function spreadOut(values) {
  if (values.length < 4 || !values.every((v) => typeof v === "number" && v > 0)) return false;
  const numbers = /** @type {number[]} */ (values);
  return Math.max(...numbers) / Math.min(...numbers) >= 1000;
}

/** @param {string} name @param {"linear" | "log" | "integer"} kind @param {number[]} values @returns {Scale} */
function numeric(name, kind, values) {
  const forward = kind === "log" ? Math.log10 : (/** @type {number} */ v) => v;
  const backward =
    kind === "log"
      ? (/** @type {number} */ p) => 10 ** p
      : kind === "integer"
        ? Math.round
        : (/** @type {number} */ p) => p;
  const positions = values.map(forward).filter(Number.isFinite);
  let min = positions.reduce((a, b) => Math.min(a, b), Infinity);
  let max = positions.reduce((a, b) => Math.max(a, b), -Infinity);
  if (min === max) [min, max] = [min - 0.5, max + 0.5];
  return {
    name,
    kind,
    min,
    max,
    categories: [],
    place: (value) => (typeof value === "number" ? forward(value) : NaN),
    valueAt: backward,
  };
}

/** @param {string} name @param {unknown[]} listed @param {unknown[]} values @returns {Scale} */
function categorical(name, listed, values) {
  const keys = new Map();
  for (const value of [...ordered(listed), ...values]) {
    const key = JSON.stringify(value);
    if (!keys.has(key)) keys.set(key, value);
  }
  const categories = [...keys.values()];
  const places = new Map([...keys.keys()].map((key, place) => [key, place]));
  return {
    name,
    kind: "categorical",
    min: -0.5,
    max: Math.max(categories.length - 0.5, 0.5),
    categories,
    place: (value) => places.get(JSON.stringify(value)) ?? NaN,
    valueAt: (position) => categories[Math.round(position)],
  };
}

/** Numbers by size; anything else as the author wrote it. */
/** @param {unknown[]} values */
function ordered(values) {
  if (!values.every((value) => typeof value === "number")) return values;
  return [...values].sort((a, b) => Number(a) - Number(b));
}

/**
 * How strongly a parameter and the values of runs go together in rank; null where that is unknown,
 * as for categories that have no order.
 * @param {Scale} scale
 * @param {{config: Record<string, unknown>}[]} runs
 * @param {number[]} values
 */
export function positions(scale, runs, values) {
  const pairs = runs
    .map((run, i) => /** @type {[number, number]} */ ([scale.place(run.config[scale.name]), values[i]]))
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  return { x: ranks(pairs.map(([x]) => x)), y: ranks(pairs.map(([, y]) => y)) };
}
