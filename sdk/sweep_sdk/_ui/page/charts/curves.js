// Learning curves of many runs, coloured by how good the runs are.

import { number, toNumber } from "../data/format.js";
import { quantile, smoothed } from "../data/stats.js";
import { metricAxis, plotArea, valueAxis } from "./axes.js";
import { goodnessColor } from "./look.js";
import { tip, tooltip } from "./tip.js";

const BUCKETS = 10;

/**
 * @typedef {object} CurveOptions
 * @property {string} metric
 * @property {"step" | "time"} x
 * @property {number} smoothing    from 0 to below 1
 * @property {boolean} isLogX
 * @property {boolean} isLogY
 */

/**
 * Points of a curve in axis positions.
 * @param {import("../source/types.js").Curve} curve
 * @param {CurveOptions} options
 * @returns {[number, number][]}
 */
export function pointsOf(curve, { x, smoothing, isLogX, isLogY }) {
  const values = smoothed(curve.value.map(toNumber), smoothing);
  const first = curve.at.find((at) => at !== null) ?? 0;
  return values.flatMap((value, i) => {
    const step = x === "step" ? curve.step[i] : curve.at[i] === null ? null : Number(curve.at[i]) - Number(first);
    if (value === null || step === null) return [];
    const px = isLogX ? Math.log10(Math.max(step, 0) + 1) : step;
    const py = isLogY ? Math.log10(value) : value;
    return Number.isFinite(px) && Number.isFinite(py) ? [/** @type {[number, number]} */ ([px, py])] : [];
  });
}

/**
 * @param {import("../source/types.js").Curve[]} curves
 * @param {Map<number, number>} goodness
 * @param {CurveOptions} options
 * @param {import("../source/types.js").Band[]} bands
 * @param {import("./look.js").Look} look
 */
export function curvesChart(curves, goodness, options, bands, look) {
  const drawn = curves
    .map((curve) => ({ curve, points: pointsOf(curve, options), good: goodness.get(curve.index) }))
    .filter(({ points }) => points.length > 0)
    .sort((a, b) => (a.good ?? -1) - (b.good ?? -1));
  if (drawn.length === 0) return null;
  const range = rangeOf(drawn.map(({ points }) => points));
  const few = drawn.length <= 40;
  const xAxis = valueAxis(look, {
    name: options.x === "step" ? "step" : "time since the first row",
    min: range.x[0],
    max: range.x[1],
    ticks: options.isLogX ? logStepTicks(range.x[1]) : undefined,
    label: (v) => xLabel(v, options),
  });
  return {
    nHidden: curves.length - drawn.length,
    option: {
      grid: plotArea(look),
      xAxis,
      yAxis: metricAxis(look, { min: range.y[0], max: range.y[1] }, options.metric, options.isLogY),
      tooltip: tooltip((event) => curveTip(event, options)),
      dataZoom: [{ type: "inside", xAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "ctrl" }],
      series: [
        ...(few
          ? drawn.map(({ curve, points, good }) => lineSeries(curve, points, goodnessColor(good, look)))
          : bucketSeries(drawn, look)),
        ...bandSeries(bands, options, range, look),
      ],
    },
  };
}

/** @param {import("../source/types.js").Curve} curve @param {[number, number][]} points @param {string} color */
function lineSeries(curve, points, color) {
  return {
    type: "line",
    name: `Run ${curve.index}`,
    data: points.map(([x, y]) => [x, y, curve.index]),
    showSymbol: points.length === 1,
    symbol: "circle",
    symbolSize: 6,
    triggerLineEvent: true,
    itemStyle: { color },
    lineStyle: { width: 1.8, color },
    emphasis: { lineStyle: { width: 3 } },
  };
}

/** Hundreds of curves in a few series, one for each colour: much quicker than a series for each. */
/** @param {{curve: import("../source/types.js").Curve, points: [number, number][], good: number | undefined}[]} drawn @param {import("./look.js").Look} look */
function bucketSeries(drawn, look) {
  /** @type {Map<string, any[]>} */
  const buckets = new Map();
  for (const { curve, points, good } of drawn) {
    const color = goodnessColor(good === undefined ? undefined : Math.floor(good * BUCKETS) / BUCKETS, look);
    if (!buckets.has(color)) buckets.set(color, []);
    const coords = points.length > 1 ? points : [points[0], [points[0][0] + 1e-9, points[0][1]]];
    buckets.get(color)?.push({ coords, index: curve.index });
  }
  return [...buckets].map(([color, data]) => ({
    type: "lines",
    coordinateSystem: "cartesian2d",
    polyline: true,
    data,
    lineStyle: { color, width: drawn.length > 300 ? 0.8 : 1.2, opacity: drawn.length > 300 ? 0.55 : 0.8 },
    emphasis: { lineStyle: { width: 3, opacity: 1 } },
    progressive: 0,
  }));
}

/**
 * Limits that hold all curves, without the worst twentieth of their values.
 * @param {[number, number][][]} curves
 * @returns {{x: [number, number], y: [number, number]}}
 */
function rangeOf(curves) {
  const xs = curves.flatMap((points) => [points[0][0], points[points.length - 1][0]]);
  const ys = curves.flatMap((points) => points.map(([, y]) => y));
  const low = ys.reduce((a, b) => Math.min(a, b));
  const high = ys.reduce((a, b) => Math.max(a, b));
  const [q1, q2] = [quantile(ys, 0.02), quantile(ys, 0.98)];
  const reach = (q2 - q1) * 1.5;
  const y = /** @type {[number, number]} */ ([Math.max(low, q1 - reach), Math.min(high, q2 + reach)]);
  const margin = (y[1] - y[0] || Math.abs(y[1]) || 1) * 0.04;
  const x = /** @type {[number, number]} */ ([Math.min(...minMax(xs)), Math.max(...minMax(xs))]);
  if (x[0] === x[1]) x[1] += 1;
  return { x, y: [y[0] - margin, y[1] + margin] };
}

/** @param {number[]} values @returns {[number, number]} */
function minMax(values) {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

/** Ticks of an axis of log10(1 + step). */
/** @param {number} max */
function logStepTicks(max) {
  const steps = [0];
  for (let power = 0; 10 ** power <= 10 ** max; power += 1)
    for (const factor of [1, 2, 5]) steps.push(factor * 10 ** power);
  const shown = max > 4 ? steps.filter((step) => step === 0 || Number.isInteger(Math.log10(step))) : steps;
  return shown.map((step) => Math.log10(step + 1)).filter((place) => place <= max);
}

/** @param {number} position @param {CurveOptions} options */
function xLabel(position, { x, isLogX }) {
  const value = isLogX ? 10 ** position - 1 : position;
  if (x === "step") return number(Math.round(value));
  return value >= 7200
    ? `${number(value / 3600, 3)} h`
    : value >= 120
      ? `${number(value / 60, 3)} min`
      : `${number(value, 3)} s`;
}

/** @param {any} event @param {CurveOptions} options */
function curveTip(event, options) {
  const index = event.data?.index ?? event.data?.[2] ?? event.value?.[2];
  if (index === undefined) return event.seriesName ? tip(event.seriesName, []) : null;
  const y = event.value?.[1];
  const pairs = /** @type {[string, string][]} */ (
    typeof y === "number" ? [[options.metric, number(options.isLogY ? 10 ** y : y, 5)]] : []
  );
  return tip(`Run ${index}`, pairs, "Click to open");
}

/** Where early termination looks at runs, and the value that a run needs there. */
/** @param {import("../source/types.js").Band[]} bands @param {CurveOptions} options @param {{x: [number, number], y: [number, number]}} range @param {import("./look.js").Look} look */
function bandSeries(bands, options, range, look) {
  if (options.x !== "step" || bands.length === 0) return [];
  const place = (/** @type {number} */ step) => (options.isLogX ? Math.log10(step + 1) : step);
  const color = look.color("--stopped");
  const width = (range.x[1] - range.x[0]) * 0.012;
  return bands.map((band) => ({
    type: "line",
    silent: true,
    symbol: "none",
    data: [],
    markLine: {
      silent: true,
      symbol: "none",
      animation: false,
      label: {
        show: true,
        formatter: `band at ${number(band.step)}`,
        color: look.muted,
        fontSize: 11,
        fontFamily: look.font,
      },
      lineStyle: { color, width: 1, type: "dashed" },
      data: [
        { xAxis: place(band.step) },
        ...(band.threshold === null
          ? []
          : [
              [
                {
                  coord: [place(band.step) - width, options.isLogY ? Math.log10(band.threshold) : band.threshold],
                  lineStyle: { width: 3, type: "solid" },
                  label: { show: false },
                },
                { coord: [place(band.step) + width, options.isLogY ? Math.log10(band.threshold) : band.threshold] },
              ],
            ]),
      ],
    },
  }));
}
