// Runs as the page holds them, and how news is merged into them.

import { toNumber } from "./format.js";

/**
 * @typedef {object} Run
 * @property {number} index
 * @property {string} state
 * @property {number} attempt
 * @property {number | null} best
 * @property {boolean} stopped_early
 * @property {number | null} started_at
 * @property {number | null} ended_at
 * @property {number | null} created_at
 * @property {string | null} agent
 * @property {string | null} host
 * @property {number | null} exit_code
 * @property {number | null} signal
 * @property {number | null} config_version
 * @property {any} suggestion
 * @property {any} early_stop
 * @property {number | null} lease_end
 * @property {number | null} heard_at
 * @property {number | null} step
 * @property {boolean | null} stop_requested
 * @property {any[] | null} attempts
 * @property {string | null} name
 * @property {string[] | null} tags
 * @property {string | null} notes
 * @property {Record<string, unknown>} config
 * @property {Record<string, unknown>} summary
 * @property {Record<string, unknown>} attributes
 */

/**
 * @typedef {object} Table
 * @property {import("../source/types.js").Sweep} sweep
 * @property {Run[]} runs          by index
 * @property {string} revision
 * @property {string[]} names      of the configuration's values
 * @property {string[]} metrics    of the summaries
 */

/** @param {unknown} value a value of a configuration, where {"$number": TEXT} is a number */
function untagged(value) {
  if (value !== null && typeof value === "object" && "$number" in value) return toNumber(value.$number);
  return value;
}

/** @param {unknown} value of a metric */
function metricValue(value) {
  return typeof value === "string" ? (toNumber(value) ?? value) : value;
}

/**
 * @param {Record<string, unknown[]>} columns
 * @param {number} row
 * @param {(value: unknown) => unknown} decode
 */
function cells(columns, row, decode) {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const name in columns) {
    const value = columns[name][row];
    if (value !== null && value !== undefined) found[name] = decode(value);
  }
  return found;
}

/**
 * The runs of a document.
 * @param {import("../source/types.js").TableDocument} document
 * @returns {Run[]}
 */
export function runsOf(document) {
  const { fields } = document;
  return (fields.index ?? []).map((_, row) => {
    /** @type {any} */
    const run = { stopped_early: false };
    for (const name in fields) run[name] = fields[name][row];
    run.best = toNumber(run.best ?? null);
    run.stopped_early = Boolean(run.stopped_early);
    run.config = cells(document.config, row, untagged);
    run.summary = cells(document.summary, row, metricValue);
    run.attributes = cells(document.attributes, row, untagged);
    return run;
  });
}

/** @param {string[]} known @param {Record<string, unknown>} columns */
function withNames(known, columns) {
  const fresh = Object.keys(columns).filter((name) => !known.includes(name));
  return fresh.length ? [...known, ...fresh] : known;
}

/**
 * A table with the news of a document; the same table where there are none, so that nothing is
 * drawn again.
 * @param {Table | null} table
 * @param {import("../source/types.js").TableDocument} document
 * @returns {Table}
 */
export function merged(table, document) {
  const news = runsOf(document);
  if (table === null || document.whole) {
    const config = Object.keys(document.config);
    const { sweep, revision } = document;
    return { sweep, runs: news, revision, names: config, metrics: Object.keys(document.summary) };
  }
  const isSame = JSON.stringify(table.sweep) === JSON.stringify(document.sweep);
  if (news.length === 0 && isSame) return table;
  const byIndex = new Map(table.runs.map((run) => [run.index, run]));
  for (const run of news) byIndex.set(run.index, run);
  return {
    sweep: isSame ? table.sweep : document.sweep,
    runs: [...byIndex.values()].sort((a, b) => a.index - b.index),
    revision: document.revision,
    names: withNames(table.names, document.config),
    metrics: withNames(table.metrics, document.summary),
  };
}
