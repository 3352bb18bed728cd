// Runs as CSV, exactly as `sweep-sdk runs ID --csv` writes them.

/** In the order of the columns. */
const FIELDS = [
  "id", "index", "state", "sweep", "attempt", "exit_code", "signal", "stopped_early", "best", "agent",
  "host", "created_at", "started_at", "ended_at",
]; // prettier-ignore
const TIMES = new Set(["created_at", "started_at", "ended_at"]);

/**
 * @param {import("./table.js").Run[]} runs
 * @param {import("./table.js").Table} table
 */
export function csvOf(runs, table) {
  const groups = /** @type {const} */ (["config", "summary", "attributes"]);
  const names = groups.flatMap((group) => namesIn(runs.map((run) => run[group])).map((name) => ({ group, name })));
  const header = [...FIELDS, ...names.map(({ group, name }) => `${group}.${name}`)];
  const lines = runs.map((run) => [
    ...FIELDS.map((field) => fieldOf(run, field, table.sweep.id)),
    ...names.map(({ group, name }) => cell(run[group][name])),
  ]);
  return [header.map(quoted), ...lines].map((line) => `${line.join(",")}\n`).join("");
}

/** @param {Record<string, unknown>[]} maps */
function namesIn(maps) {
  const names = new Set();
  for (const map of maps) for (const name in map) names.add(name);
  return /** @type {string[]} */ ([...names]);
}

/** @param {import("./table.js").Run} run @param {string} field @param {string} sweep */
function fieldOf(run, field, sweep) {
  if (field === "id") return `${sweep}-${run.index}`;
  if (field === "sweep") return sweep;
  const value = /** @type {any} */ (run)[field];
  if (value === null || value === undefined) return "";
  // rounded to microseconds, then cut to milliseconds, as Python does
  if (TIMES.has(field))
    return new Date(Math.floor(Math.round(value * 1e6) / 1000)).toISOString().replace("Z", "+00:00");
  return cell(value, field === "best");
}

/** @param {unknown} value @param {boolean} [isFloat] */
function cell(value, isFloat = false) {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return pythonNumber(value, isFloat);
  if (typeof value === "string") return quoted(value);
  return quoted(JSON.stringify(value));
}

/** A number as Python writes it. */
/** @param {number} value @param {boolean} isFloat */
function pythonNumber(value, isFloat) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e16) return isFloat ? `${value}.0` : String(value);
  if (size >= 1e16 || size < 1e-4) {
    const [mantissa, exponent] = value.toExponential().split("e");
    const digits = exponent.slice(1).padStart(2, "0");
    return `${mantissa}e${exponent[0] === "-" ? "-" : "+"}${digits}`;
  }
  return String(value);
}

/** @param {string} text */
function quoted(text) {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
