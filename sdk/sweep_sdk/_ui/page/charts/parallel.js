// Parallel coordinates: a line for each run through its parameters to the metric, coloured by rank.

import { METRIC_AXIS } from "../data/filter.js";
import { number } from "../data/format.js";
import { goodness, limits, valueOf } from "../data/values.js";
import { labelOf, niceTicks, ticksOf } from "./axes.js";
import { goodnessColor } from "./look.js";

const MOST_AXES = 12;

/**
 * Axes: the parameters, the most important ones first, then the metric.
 * @param {import("../data/table.js").Table} table
 * @param {import("../data/space.js").Scale[]} scales
 */
export function axesOf(table, scales) {
  const metric = table.sweep.metric;
  const values = table.runs.map((run) => valueOf(run, table.sweep)).filter((v) => v !== null);
  const range = limits(values, table.sweep);
  const shown = scales.slice(0, MOST_AXES).map((scale) => ({ name: scale.name, title: scale.name, scale }));
  return { shown, metric: metric && range ? { name: METRIC_AXIS, title: metric.name, range } : null };
}

/**
 * @param {import("../data/table.js").Table} table
 * @param {import("../data/space.js").Scale[]} scales
 * @param {import("./look.js").Look} look
 */
export function parallelChart(table, scales, look) {
  const { sweep, runs } = table;
  const { shown, metric } = axesOf(table, scales);
  if (shown.length + (metric ? 1 : 0) < 2) return null;
  const good = goodness(runs, sweep);
  const order = [...runs].sort((a, b) => (good.get(a.index) ?? -1) - (good.get(b.index) ?? -1)); // the best on top
  const data = order.map((run) => ({
    value: [
      ...shown.map(({ scale }) => finite(scale.place(run.config[scale.name]))),
      ...(metric ? [clipped(valueOf(run, sweep), metric.range)] : []),
    ],
    name: String(run.index),
    lineStyle: { color: goodnessColor(good.get(run.index), look) },
  }));
  const style = {
    nameTextStyle: { color: look.text, fontSize: 12, fontFamily: look.font, fontWeight: 600 },
    nameGap: 14,
    axisLine: { lineStyle: { color: look.muted, width: 1 } },
    axisTick: { show: false },
    z: 20,
    zlevel: 0,
    areaSelectStyle: { width: 22, borderWidth: 1, borderColor: look.accent, color: look.accent, opacity: 0.22 },
    axisLabelStyle: {
      color: look.text,
      fontSize: 11,
      fontFamily: look.font,
      textBorderColor: look.surface,
      textBorderWidth: 3,
    },
  };
  return {
    parallel: {
      left: look.isNarrow ? 30 : 56,
      right: look.isNarrow ? 40 : 70,
      top: 40,
      bottom: 18,
      axisExpandable: false,
    },
    parallelAxis: [
      ...shown.map(({ scale, title }, dim) => {
        const ticks = ticksOf(scale);
        return {
          ...style,
          dim,
          id: scale.name,
          name: fitting(title, look),
          type: "value",
          min: scale.min,
          max: scale.max,
          axisLabel: {
            ...style.axisLabelStyle,
            customValues: ticks,
            formatter: (/** @type {number} */ p) => labelOf(scale, p),
          },
        };
      }),
      ...(metric
        ? [
            {
              ...style,
              dim: shown.length,
              id: metric.name,
              name: fitting(metric.title, look),
              type: "value",
              min: metric.range.min,
              max: metric.range.max,
              axisLabel: {
                ...style.axisLabelStyle,
                customValues: niceTicks(metric.range.min, metric.range.max),
                formatter: (/** @type {number} */ v) => number(v, 4),
              },
            },
          ]
        : []),
    ],
    series: [
      {
        type: "parallel",
        data,
        lineStyle: {
          width: runs.length > 3000 ? 0.8 : runs.length > 300 ? 1 : 1.6,
          opacity: runs.length > 3000 ? 0.12 : runs.length > 300 ? 0.5 : 0.85,
        },
        inactiveOpacity: 0.03,
        activeOpacity: runs.length > 3000 ? 0.6 : 0.9,
        progressive: 2000,
        smooth: 0,
        silent: true,
      },
    ],
  };
}

/** @param {number} value */
function finite(value) {
  return Number.isFinite(value) ? value : "-";
}

/** @param {number | null} value @param {{min: number, max: number}} range */
function clipped(value, range) {
  if (value === null || Number.isNaN(value)) return "-";
  return Math.min(range.max, Math.max(range.min, value));
}

/** @param {string} title @param {import("./look.js").Look} look */
function fitting(title, look) {
  const most = look.isNarrow ? 8 : 16;
  return title.length > most ? `${title.slice(0, most - 1)}…` : title;
}

/**
 * The brushes after one axis was brushed. The axes' names are their ids.
 * @param {import("../data/filter.js").Brushes} brushes
 * @param {{parallelAxisId: string, intervals: number[][]}} event
 * @returns {import("../data/filter.js").Brushes}
 */
export function brushesAfter(brushes, { parallelAxisId: name, intervals }) {
  const ranges = intervals.map((range) => /** @type {[number, number]} */ ([Math.min(...range), Math.max(...range)]));
  const others = Object.entries(brushes).filter(([other]) => other !== name);
  return Object.fromEntries(ranges.length ? [...others, [name, ranges]] : others);
}
