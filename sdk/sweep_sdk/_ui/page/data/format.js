// Numbers, times and values as people read them.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A number from JSON, where non-finite ones are texts; null for anything else. */
/** @param {unknown} value @returns {number | null} */
export function toNumber(value) {
  if (typeof value === "number") return value;
  if (value === "NaN") return NaN;
  if (value === "Infinity") return Infinity;
  if (value === "-Infinity") return -Infinity;
  return null;
}

/** @param {number} value @param {number} [digits] */
export function number(value, digits = 4) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return minus(value.toLocaleString("en-US"));
  if (size !== 0 && (size >= 1e6 || size < 1e-4)) {
    const [mantissa, exponent] = value.toExponential(Math.max(0, digits - 2)).split("e");
    return minus(`${mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa}e${Number(exponent)}`);
  }
  if (size >= 1000) return minus(Math.round(value).toLocaleString("en-US"));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size || 1)));
  const text = value.toFixed(Math.min(decimals, 8));
  return minus(text.includes(".") ? text.replace(/\.?0+$/, "") : text);
}

/** @param {string} text */
function minus(text) {
  return text.replace(/^-/, "−");
}

/** Any value of a configuration. */
/** @param {unknown} value @param {number} [digits] @returns {string} */
export function value(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return number(value, digits);
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "string") return value;
  return JSON.stringify(value);
}

/** @param {number} count @param {string} noun @param {string} [plural] */
export function count(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString("en-US")} ${count === 1 ? noun : plural}`;
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.95) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < MINUTE) return `${seconds < 9.5 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < HOUR) return pair(seconds, MINUTE, "min", 1, "s");
  if (seconds < 2 * DAY) return pair(seconds, HOUR, "h", MINUTE, "min");
  return pair(seconds, DAY, "d", HOUR, "h");
}

/**
 * @param {number} seconds
 * @param {number} large
 * @param {string} largeName
 * @param {number} small
 * @param {string} smallName
 */
function pair(seconds, large, largeName, small, smallName) {
  const smalls = Math.round(seconds / small);
  const perLarge = large / small;
  const whole = Math.floor(smalls / perLarge);
  const rest = smalls % perLarge;
  return rest === 0 || whole >= 20 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}

/** @param {number | null | undefined} at @param {number} now */
export function ago(at, now) {
  if (at === null || at === undefined) return "–";
  const seconds = now - at;
  return seconds < 5 ? "just now" : `${duration(seconds).split(" ").slice(0, 2).join(" ")} ago`;
}

/** A time of day, with the date where it is not today's. */
/** @param {number | null | undefined} at @param {number} now */
export function clock(at, now) {
  if (at === null || at === undefined) return "–";
  const moment = new Date(at * 1000);
  const time = moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (moment.toDateString() === new Date(now * 1000).toDateString()) return time;
  return `${moment.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

/** @param {number} share from 0 to 1 */
export function percent(share) {
  const points = share * 100;
  return `${points >= 10 || points === 0 ? Math.round(points) : points.toFixed(1)} %`;
}

/** A configuration as arguments of a command line. */
/** @param {Record<string, unknown>} config */
export function asArguments(config) {
  return Object.entries(config)
    .map(([name, item]) => `--${name}=${quoted(plain(item))}`)
    .join(" ");
}

/** @param {unknown} item */
function plain(item) {
  return typeof item === "string" ? item : JSON.stringify(item);
}

/** @param {string} text */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A configuration as YAML; JSON is a part of YAML, so values are written as JSON. */
/** @param {Record<string, unknown>} config */
export function asYaml(config) {
  const key = (/** @type {string} */ name) => (/^[A-Za-z_][\w.-]*$/.test(name) ? name : JSON.stringify(name));
  return Object.entries(config)
    .map(([name, item]) => `${key(name)}: ${JSON.stringify(item)}\n`)
    .join("");
}
