// The one place that knows the chart library: shows an option, keeps its size, passes events on.

import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { init } from "../vendor/echarts.js";

/**
 * A chart.
 * @param {object} props
 * @param {object} props.option     of the library; a new object is drawn, the same one is not
 * @param {string} props.label      what the chart shows, for people who do not see it
 * @param {number} props.height     in pixels
 * @param {Record<string, (event: any, chart: import("../vendor/echarts.js").Chart) => void>} [props.on]
 * @param {(chart: import("../vendor/echarts.js").Chart) => void} [props.after]   called once it is drawn
 */
export function Chart({ option, label, height, on = {}, after }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const chart = useRef(/** @type {import("../vendor/echarts.js").Chart | null} */ (null));
  const handlers = useRef(on);
  handlers.current = on;

  useEffect(() => {
    const element = /** @type {HTMLElement} */ (place.current);
    const made = init(element, null, { renderer: "canvas" });
    chart.current = made;
    for (const event of Object.keys(on)) made.on(event, (found) => handlers.current[event]?.(found, made));
    let width = element.clientWidth;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth === 0 || element.clientWidth === width) return;
      width = element.clientWidth;
      made.resize();
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.dispose();
    };
  }, []);

  useEffect(() => {
    const made = chart.current;
    if (!made) return;
    made.setOption({ animation: false, ...option }, { notMerge: true });
    after?.(made);
    place.current?.setAttribute("data-drawn", "true");
  }, [option]);

  useEffect(() => {
    chart.current?.resize();
  }, [height]);

  return html`<div class="chart" ref=${place} role="img" aria-label=${label} style=${{ height: `${height}px` }}></div>`;
}
