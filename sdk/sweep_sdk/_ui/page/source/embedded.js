// Data that came with the page, in a report or a notebook.

import { Problem } from "./live.js";

/**
 * The documents of a report, by what was asked for.
 * @typedef {object} Embedded
 * @property {number} now
 * @property {import("./types.js").Sweep[]} sweeps
 * @property {Record<string, import("./types.js").Glance>} glances
 * @property {Record<string, import("./types.js").TableDocument>} tables
 * @property {Record<string, Record<string, import("./types.js").Curve[]>>} curves    by sweep and metric
 * @property {Record<string, Record<string, Partial<import("./types.js").ModelDocument>>>} models  by sweep; "x|y" has the contour alone, "" the rest
 * @property {Record<string, import("./types.js").BandsDocument>} bands
 * @property {Record<string, Record<string, any>>} runs                              by sweep and index
 */

/**
 * @param {Embedded} data
 * @returns {import("./types.js").Source}
 */
export function embeddedSource(data) {
  /**
   * @template T
   * @param {T | undefined} value
   * @param {string} what
   * @returns {Promise<T>}
   */
  const given = async (value, what) => {
    if (value === undefined) throw new Problem(`This report does not hold ${what}.`, 404);
    return value;
  };
  return {
    isLive: false,
    canAct: false,
    title: `Report of ${new Date(data.now * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`,
    sweeps: async () => ({ items: data.sweeps, now: data.now }),
    glances: async () => data.glances,
    table: (id) => given(data.tables[id], `sweep ${id}`),
    curves: async (id, metric, indices) => {
      const wanted = new Set(indices);
      const all = data.curves[id]?.[metric] ?? [];
      return { runs: all.filter((curve) => wanted.has(curve.index)) };
    },
    model: (id, x, y) => {
      const models = data.models[id] ?? {};
      /** @type {any} */
      const whole = models[""] && { ...models[""], ...models[x && y ? `${x}|${y}` : ""] };
      return given(whole, "a model");
    },
    bands: (id) => given(data.bands[id], "the audit of early termination"),
    run: async (id, index) => {
      const { fields } = data.tables[id];
      const isFailed = ["failed", "crashed"].includes(fields.state[fields.index.indexOf(index)]);
      return given(data.runs[id]?.[index] ?? (isFailed ? undefined : {}), "the output of this run");
    },
    events: async () => ({ items: [] }),
    act: async () => {
      throw new Problem("A report cannot change anything.", 403);
    },
  };
}

/**
 * The embedded data: JSON, compressed with gzip, in base64.
 * @param {string} text
 * @returns {Promise<Embedded>}
 */
export async function unpack(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}
