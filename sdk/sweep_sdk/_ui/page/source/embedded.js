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
 * @property {Record<string, Record<string, import("./types.js").ModelDocument>>} models  by sweep and "x|y", "" without
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
      return given(models[x && y ? `${x}|${y}` : ""] ?? models[""], "a model");
    },
    bands: (id) => given(data.bands[id], "the audit of early termination"),
    run: (id, index) => given(data.runs[id]?.[index], "more about this run"),
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
