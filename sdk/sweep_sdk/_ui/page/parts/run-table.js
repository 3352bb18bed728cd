// The table of runs: only the rows on the screen exist, so ten thousand are as quick as ten.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { download, Empty } from "./boxes.js";
import { RunState } from "./marks.js";
import { csvOf } from "../data/csv.js";
import { count, duration, number, value } from "../data/format.js";
import { shownState } from "../data/states.js";
import { secondsTaken, sign, valueOf } from "../data/values.js";
import { hashOf, navigate, setQuery } from "../router.js";

/** @typedef {import("../data/table.js").Run} Run */

const ROW = 32;
const HEIGHT = 480;
const OVERSCAN = 8;

/**
 * @typedef {object} Column
 * @property {string} key
 * @property {string} title
 * @property {(run: Run) => any} get         for sorting
 * @property {(run: Run) => unknown} show
 * @property {number} width
 * @property {boolean} isNumber
 */

/** @param {import("../views/sweep.js").Scene} scene @returns {Column[]} */
function columnsOf({ table, scales, now }) {
  const { sweep } = table;
  /** @type {Column[]} */
  const columns = [
    {
      key: "run",
      title: "Run",
      get: (run) => run.index,
      show: (run) =>
        html`<a href=${hashOf({ view: "run", sweep: sweep.id, index: run.index })} tabindex="-1">${run.index}</a>`,
      width: 66,
      isNumber: true,
    },
    {
      key: "state",
      title: "State",
      get: (run) => shownState(run),
      show: (run) => html`<${RunState} state=${shownState(run)} />`,
      width: 128,
      isNumber: false,
    },
  ];
  if (sweep.metric) {
    const metric = sweep.metric.name;
    columns.push({
      key: metric,
      title: metric,
      get: (run) => valueOf(run, sweep),
      show: (run) => show(valueOf(run, sweep), 5),
      width: 104,
      isNumber: true,
    });
  }
  for (const scale of scales) {
    const isNumber = scale.kind !== "categorical" || scale.categories.every((item) => typeof item === "number");
    columns.push({
      key: `config.${scale.name}`,
      title: scale.name,
      get: (run) => run.config[scale.name],
      show: (run) => show(run.config[scale.name]),
      width: Math.max(88, Math.min(160, scale.name.length * 8 + 28)),
      isNumber,
    });
  }
  columns.push({
    key: "time",
    title: "Time",
    get: (run) => secondsTaken(run, now),
    show: (run) => duration(secondsTaken(run, now)),
    width: 92,
    isNumber: true,
  });
  const others = table.metrics.filter((name) => name !== sweep.metric?.name && !/\.(min|max)$/.test(name)).slice(0, 4);
  for (const name of others) {
    columns.push({
      key: `summary.${name}`,
      title: name,
      get: (run) => run.summary[name],
      show: (run) => show(run.summary[name]),
      width: Math.max(88, Math.min(160, name.length * 8 + 28)),
      isNumber: true,
    });
  }
  columns.push({
    key: "agent",
    title: "Agent",
    get: (run) => run.agent,
    show: (run) => run.agent ?? "–",
    width: 150,
    isNumber: false,
  });
  return columns;
}

/** @param {unknown} item @param {number} [digits] */
function show(item, digits = 4) {
  return typeof item === "number" ? number(item, digits) : value(item);
}

/** Numbers by size, then texts; runs without a value, or with NaN, come last either way. */
/** @param {Run[]} runs @param {(run: Run) => any} get @param {boolean} isDown */
export function sorted(runs, get, isDown) {
  const rank = (/** @type {any} */ item) => (typeof item === "number" ? 0 : typeof item === "string" ? 1 : 2);
  const isKnown = (/** @type {any} */ item) => item !== null && item !== undefined && !Number.isNaN(item);
  const keyed = runs.map((run) => ({ run, item: get(run) }));
  const known = keyed.filter(({ item }) => isKnown(item));
  known.sort((a, b) => {
    const kinds = rank(a.item) - rank(b.item);
    const order = kinds || (a.item < b.item ? -1 : a.item > b.item ? 1 : 0);
    return (isDown ? -order : order) || a.run.index - b.run.index;
  });
  return [...known, ...keyed.filter(({ item }) => !isKnown(item))].map(({ run }) => run);
}

/** @param {import("../views/sweep.js").Scene} scene */
export function RunTable(scene) {
  const { table, chosen, route, brushes } = scene;
  const columns = useMemo(() => columnsOf(scene), [table, scene.scales, scene.now]);
  const metric = table.sweep.metric?.name;
  const key = route.query.sort ?? (metric ? `${sign(table.sweep) < 0 ? "-" : ""}${metric}` : "-run");
  const isDown = key.startsWith("-");
  const column = columns.find((other) => other.key === key.replace(/^-/, "")) ?? columns[0];
  const rows = useMemo(() => sorted(chosen, column.get, isDown), [chosen, column.key, isDown, scene.now]);
  const hasFilter = Object.keys(brushes).length > 0 || Boolean(route.query.filter);
  const save = () =>
    download({
      name: `${table.sweep.id}.csv`,
      type: "text/csv",
      text: csvOf(
        [...chosen].sort((a, b) => a.index - b.index),
        table,
      ),
    });
  const sortBy = (/** @type {string} */ name) => setQuery({ sort: key === name ? `-${name}` : name });
  return html`<section class="card wide flush" aria-label="Runs" id="runs">
    <header>
      <h2>Runs</h2>
      <span class="note" data-count=${chosen.length} aria-live="polite"
        >${hasFilter ? `${chosen.length.toLocaleString("en-US")} of ${count(table.runs.length, "run")}` : count(table.runs.length, "run")}</span
      >
      <div class="tools">
        <input
          type="search"
          aria-label="Filter the runs"
          placeholder="Filter: failed, lr<0.01, optimizer=adam"
          value=${route.query.filter ?? ""}
          onInput=${(/** @type {any} */ event) => setQuery({ filter: event.target.value })}
        />
        ${hasFilter ? html`<button class="small" onClick=${() => setQuery({ filter: "", brush: "" })}>Show all</button>` : null}
        <button class="small" onClick=${save}>Download CSV</button>
      </div>
    </header>
    ${rows.length === 0 ? html`<${Empty}>${table.runs.length ? "No run matches the brushes and the filter." : "There are no runs yet: start an agent, and they appear here."}<//>` : html`<${Rows} rows=${rows} columns=${columns} sortKey=${column.key} isDown=${isDown} onSort=${sortBy} sweep=${table.sweep.id} />`}
  </section>`;
}

/** @param {{rows: Run[], columns: Column[], sortKey: string, isDown: boolean, onSort: (key: string) => void, sweep: string}} props */
function Rows({ rows, columns, sortKey, isDown, onSort, sweep }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [top, setTop] = useState(0);
  const [active, setActive] = useState(0);
  const height = Math.min(HEIGHT, (rows.length + 1) * ROW + 2);
  const first = Math.max(0, Math.floor(top / ROW) - OVERSCAN);
  const last = Math.min(rows.length, first + Math.ceil(height / ROW) + 2 * OVERSCAN);
  const width = columns.reduce((sum, column) => sum + column.width, 0);
  const template = columns.map((column) => `minmax(${column.width}px, ${column.isNumber ? 1 : 1.4}fr)`).join(" ");
  const place = Math.min(active, rows.length - 1);
  const open = (/** @type {Run} */ run) => navigate(hashOf({ view: "run", sweep, index: run.index }));
  useEffect(() => {
    const element = box.current;
    if (!element || document.activeElement !== element) return;
    const y = place * ROW;
    if (y < element.scrollTop) element.scrollTop = y;
    else if (y + 2 * ROW > element.scrollTop + height - 8) element.scrollTop = y - height + 2 * ROW + 8;
  }, [place]);
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12 })[
      event.key
    ];
    if (step) setActive(Math.max(0, Math.min(rows.length - 1, place + step)));
    else if (event.key === "Home") setActive(0);
    else if (event.key === "End") setActive(rows.length - 1);
    else if (event.key === "Enter" && event.target === box.current) open(rows[place]);
    else return;
    event.preventDefault();
  };
  return html`<div
    class="grid"
    ref=${box}
    role="grid"
    tabindex="0"
    aria-rowcount=${rows.length + 1}
    aria-label="Runs: arrow keys move, Enter opens"
    aria-activedescendant=${`row-${rows[place]?.index}`}
    style=${{ height: `${height}px` }}
    onScroll=${(/** @type {any} */ event) => setTop(event.currentTarget.scrollTop)}
    onKeyDown=${onKey}
  >
    <div class="gridrow head" role="row" style=${{ gridTemplateColumns: template, minWidth: `${width}px` }}>
      ${columns.map(
        (column) =>
          html`<div
            role="columnheader"
            aria-sort=${column.key === sortKey ? (isDown ? "descending" : "ascending") : "none"}
            class=${column.isNumber ? "num" : ""}
          >
            <button class="quiet" title=${`Sort by ${column.title}`} onClick=${() => onSort(column.key)}>
              ${column.title}${column.key === sortKey ? (isDown ? " ↓" : " ↑") : ""}
            </button>
          </div>`,
      )}
    </div>
    <div style=${{ height: `${first * ROW}px` }}></div>
    ${rows.slice(first, last).map(
      (run, i) =>
        html`<div
            key=${run.index}
            id=${`row-${run.index}`}
            role="row"
            aria-rowindex=${first + i + 2}
            class=${`gridrow${first + i === place ? " active" : ""}`}
            style=${{ gridTemplateColumns: template, minWidth: `${width}px` }}
            onClick=${() => open(run)}
          >
            ${columns.map((column) => html`<div role="gridcell" class=${column.isNumber ? "num" : ""}>${column.show(run)}</div>`)}
          </div>`,
    )}
    <div style=${{ height: `${(rows.length - last) * ROW}px` }}></div>
  </div>`;
}
