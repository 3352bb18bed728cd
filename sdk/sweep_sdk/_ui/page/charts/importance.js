// How much each parameter explains, and in which direction.

import { percent } from "../data/format.js";
import { tip, tooltip } from "./tip.js";

/**
 * @param {import("../source/types.js").ModelDocument["importance"]} entries
 * @param {import("../source/types.js").Metric} metric
 * @param {import("./look.js").Look} look
 */
export function importanceChart(entries, metric, look) {
  const shown = entries.slice(0, 12).reverse();
  const most = Math.max(...shown.map((entry) => entry.importance), 0.01);
  return {
    grid: { left: 8, right: 108, top: 6, bottom: 6, containLabel: true },
    xAxis: { type: "value", show: false, min: 0, max: most },
    yAxis: {
      type: "category",
      data: shown.map((entry) => (entry.name.length > 18 ? `${entry.name.slice(0, 17)}…` : entry.name)),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: look.text, fontSize: 12, fontFamily: look.font },
    },
    tooltip: tooltip((event) => {
      const entry = shown[event.dataIndex];
      return tip(
        entry.name,
        [
          ["share of the variation", percent(entry.importance)],
          ["rank correlation", entry.correlation === null ? "–" : entry.correlation.toFixed(2)],
        ],
        meaning(entry, metric),
      );
    }),
    series: [
      {
        type: "bar",
        barWidth: 14,
        itemStyle: { color: look.accent, borderRadius: [0, 3, 3, 0] },
        data: shown.map((entry) => entry.importance),
        label: {
          show: true,
          position: "right",
          color: look.muted,
          fontSize: 12,
          fontFamily: look.font,
          formatter: (/** @type {any} */ event) =>
            `${percent(shown[event.dataIndex].importance)}  ${arrow(shown[event.dataIndex])}`,
        },
      },
    ],
  };
}

/** @param {{correlation: number | null}} entry */
function arrow({ correlation }) {
  if (correlation === null || Math.abs(correlation) < 0.1) return "";
  return `${correlation > 0 ? "↗" : "↘"} ${correlation > 0 ? "+" : "−"}${Math.abs(correlation).toFixed(2)}`;
}

/** @param {{name: string, correlation: number | null}} entry @param {import("../source/types.js").Metric} metric */
function meaning({ name, correlation }, metric) {
  if (correlation === null || Math.abs(correlation) < 0.1) return "";
  return `Larger ${name}, ${correlation > 0 ? "larger" : "smaller"} ${metric.name}.`;
}
