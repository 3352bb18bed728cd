// Axes whose limits and ticks are chosen here: the library rounds limits outwards.

import { number, value as valueText } from "../data/format.js";

/** @typedef {import("./look.js").Look} Look */
/** @typedef {import("../data/space.js").Scale} Scale */

/** Round steps within limits, about `n` of them. */
/** @param {number} min @param {number} max @param {number} [n] */
export function niceTicks(min, max, n = 5) {
  if (!(max > min)) return [min];
  const rough = (max - min) / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const ticks = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9 && ticks.length < 50; i += 1) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

/** Ticks of a logarithmic axis, in powers of ten: whole ones, and between them where they are few. */
/** @param {number} min @param {number} max @param {number} [n] */
export function logTicks(min, max, n = 6) {
  const whole = [];
  for (let power = Math.ceil(min - 1e-9); power <= max + 1e-9; power += 1) whole.push(power);
  const stride = Math.max(1, Math.ceil(whole.length / n));
  if (whole.length >= 3) return whole.filter((power) => power % stride === 0);
  const finer = [];
  for (let power = Math.floor(min); power <= max; power += 1) {
    for (const factor of [1, 2, 5]) {
      const place = power + Math.log10(factor);
      if (place >= min - 1e-9 && place <= max + 1e-9) finer.push(place);
    }
  }
  return finer.length >= 2 ? finer : niceTicks(min, max, 4);
}

/** @param {Scale} scale @param {number} [n] */
export function ticksOf(scale, n = 5) {
  if (scale.kind === "categorical") return scale.categories.map((_, place) => place);
  if (scale.kind === "log") return logTicks(scale.min, scale.max, n + 1);
  const ticks = niceTicks(scale.min, scale.max, n);
  return scale.kind === "integer" ? [...new Set(ticks.map(Math.round))] : ticks;
}

/** The label of a position. */
/** @param {Scale} scale @param {number} position */
export function labelOf(scale, position) {
  const text = valueText(scale.valueAt(position), 3);
  return text.length > 14 ? `${text.slice(0, 13)}…` : text;
}

/** @param {Look} look */
export function axisStyle(look) {
  return {
    axisLine: { show: false, onZero: false, lineStyle: { color: look.line } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: look.line, width: 1 } },
    axisLabel: { color: look.muted, fontSize: 11, fontFamily: look.font, hideOverlap: true },
    nameTextStyle: { color: look.muted, fontSize: 12, fontFamily: look.font },
    nameLocation: "middle",
  };
}

/**
 * An axis with given limits.
 * @param {Look} look
 * @param {{name?: string, min: number, max: number, ticks?: number[], label?: (v: number) => string, gap?: number}} axis
 */
export function valueAxis(
  look,
  { name, min, max, ticks = niceTicks(min, max), label = (v) => number(v, 4), gap = 28 },
) {
  const style = axisStyle(look);
  return {
    ...style,
    type: "value",
    name,
    nameGap: gap,
    min,
    max,
    axisLabel: { ...style.axisLabel, customValues: ticks, formatter: label },
    axisTick: { show: false, customValues: ticks },
  };
}

/** The axis of a parameter. */
/** @param {Look} look @param {Scale} scale @param {Record<string, unknown>} [more] */
export function scaleAxis(look, scale, more = {}) {
  const pad = scale.kind === "categorical" ? 0 : (scale.max - scale.min) * 0.03;
  const axis = valueAxis(look, {
    name: scale.name,
    min: scale.min - pad,
    max: scale.max + pad,
    ticks: ticksOf(scale),
    label: (position) => labelOf(scale, position),
  });
  return { ...axis, ...more };
}

/** The axis of a metric, from its limits; logarithmic where it is asked for and possible. */
/**
 * @param {Look} look
 * @param {{min: number, max: number}} limits
 * @param {string} name
 * @param {boolean} [isLog]
 */
export function metricAxis(look, limits, name, isLog = false) {
  const ticks = isLog ? logTicks(limits.min, limits.max) : niceTicks(limits.min, limits.max);
  const label = isLog ? (/** @type {number} */ p) => number(10 ** p, 3) : (/** @type {number} */ v) => number(v, 4);
  return valueAxis(look, { name, min: limits.min, max: limits.max, ticks, label, gap: 48 });
}

/** Room for axes and their names. */
/** @param {Look} look @param {Record<string, unknown>} [more] */
export function plotArea(look, more = {}) {
  return { left: look.isNarrow ? 58 : 66, right: 18, top: 14, bottom: 44, containLabel: false, ...more };
}
