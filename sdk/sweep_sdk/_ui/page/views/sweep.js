// One sweep: its data, its header and its tabs.

import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm.js";
import { Failure, Waiting } from "../parts/boxes.js";
import { Dialog } from "../parts/dialog.js";
import { SweepState } from "../parts/marks.js";
import { brushed, filtered, parseBrushes } from "../data/filter.js";
import { clock } from "../data/format.js";
import { scalesOf } from "../data/space.js";
import { merged } from "../data/table.js";
import { hashOf } from "../router.js";
import { usePolled } from "../polling.js";
import { useLook } from "../theme.js";
import { CurvesView } from "./curves.js";
import { ConfigView } from "./config.js";
import { ModelView } from "./model.js";
import { OverviewView } from "./overview.js";
import { ParametersView } from "./parameters.js";
import { RunView } from "./run.js";
import { TimelineView } from "./timeline.js";

/** @type {[string, string, any][]} */
export const TABS = [
  ["overview", "Overview", OverviewView],
  ["curves", "Curves", CurvesView],
  ["parameters", "Parameters", ParametersView],
  ["model", "Model", ModelView],
  ["timeline", "Timeline", TimelineView],
  ["config", "Config", ConfigView],
];

/**
 * What the tabs of a sweep are given.
 * @typedef {object} Scene
 * @property {import("../source/types.js").Source} source
 * @property {import("../router.js").Route} route
 * @property {import("../data/table.js").Table} table
 * @property {import("../data/space.js").Scale[]} scales
 * @property {import("../data/table.js").Run[]} chosen      the runs of brushes and filter
 * @property {import("../data/filter.js").Brushes} brushes
 * @property {import("../source/types.js").ModelDocument | null} model
 * @property {Error | null} modelError
 * @property {number} now
 * @property {import("../charts/look.js").Look} look
 * @property {(question: import("../parts/dialog.js").Question) => void} ask
 * @property {() => void} refresh
 */

/** @param {{source: import("../source/types.js").Source, route: import("../router.js").Route}} props */
export function SweepView({ source, route }) {
  const { table, now, trouble, error, again } = useTable(source, route.sweep);
  const look = useLook();
  const [question, setQuestion] = useState(/** @type {import("../parts/dialog.js").Question | null} */ (null));
  const [done, setDone] = useState("");
  const { model, modelError } = useModel(source, table);
  const scales = useMemo(() => (table ? byImportance(scalesOf(table.sweep, table.runs), model) : []), [table, model]);
  const brushes = useMemo(() => parseBrushes(route.query.brush ?? ""), [route.query.brush]);
  const chosen = useMemo(() => {
    if (!table) return [];
    return filtered(brushed(table.runs, brushes, scales, table.sweep), route.query.filter ?? "", table.sweep);
  }, [table, scales, brushes, route.query.filter]);
  useEffect(() => {
    document.title = table ? `${table.sweep.name || table.sweep.id} · sweeps` : "sweeps";
  }, [table?.sweep]);
  if (!table) {
    return error
      ? html`<${Failure} error=${error} again=${again} />`
      : html`<${Waiting} what="Reading the runs…" height=${320} />`;
  }
  const { sweep } = table;
  /** @type {Scene} */
  const scene = {
    source,
    route,
    table,
    scales,
    chosen,
    brushes,
    model,
    modelError,
    now,
    look,
    ask: setQuestion,
    refresh: again,
  };
  const close = (/** @type {string | null} */ sentence) => {
    setQuestion(null);
    if (sentence) {
      setDone(sentence);
      again();
    }
  };
  const Tab = TABS.find(([name]) => name === route.tab)?.[2] ?? OverviewView;
  return html`
    <nav class="crumbs" aria-label="Place">
      <a href="#/">Sweeps</a><span aria-hidden="true">/</span>${
        route.view === "run"
          ? html`<a href=${hashOf({ view: "sweep", sweep: sweep.id })}>${sweep.name || sweep.id}</a
              ><span aria-hidden="true">/</span><span>run ${route.index}</span>`
          : html`<span class="mono">${sweep.id}</span>`
      }
    </nav>
    ${
      route.view === "run"
        ? null
        : html`<div class="headline">
            <h1>${sweep.name || sweep.id}</h1>
            <${SweepState} state=${sweep.state} />
            <span class="note"
              >${sweep.method}${sweep.metric ? ` · ${sweep.metric.goal} ${sweep.metric.name}` : " · no metric"}</span
            >
          </div>`
    }
    <${Notices} error=${error} trouble=${trouble} now=${now} done=${done} onClose=${() => setDone("")} />
    ${
      route.view === "run"
        ? html`<${RunView} ...${scene} />`
        : html`<nav class="tabs" aria-label="Views of the sweep">
              ${TABS.map(
                ([name, label]) =>
                  html`<a
                    href=${hashOf({ view: "sweep", sweep: sweep.id, tab: name, query: kept(route.query) })}
                    aria-current=${name === route.tab ? "page" : undefined}
                    >${label}</a
                  >`,
              )}
            </nav>
            <${Tab} ...${scene} />`
    }
    <${Dialog} question=${question} act=${source.act} onClose=${close} />
  `;
}

/** Brushes and filter belong to the sweep, not to one of its tabs. */
/** @param {Record<string, string>} query */
function kept(query) {
  return Object.fromEntries(["brush", "filter"].filter((name) => query[name]).map((name) => [name, query[name]]));
}

/** @param {{error: Error | null, trouble: {since: number, text: string} | null, now: number, done: string, onClose: () => void}} props */
function Notices({ error, trouble, now, done, onClose }) {
  return html`<div class="notices" aria-live="polite">
    ${error ? html`<p class="notice bad"><strong>No news.</strong> ${error.message}</p>` : null}
    ${trouble && !error ? html`<p class="notice bad"><strong>No answer since ${clock(trouble.since, now)}.</strong> The data shown is from before that. ${trouble.text}</p>` : null}
    ${done ? html`<p class="notice good">${done}<button class="icon" aria-label="Close" onClick=${onClose}>×</button></p>` : null}
  </div>`;
}

/** @param {import("../source/types.js").Source} source @param {string} id */
function useTable(source, id) {
  const table = useRef(/** @type {import("../data/table.js").Table | null} */ (null));
  const ask = async () => {
    const document = await source.table(id, table.current?.revision);
    const next = merged(table.current, document);
    const isNew = next !== table.current;
    table.current = next;
    return { next, now: document.now, trouble: document.trouble, isNew };
  };
  const { answer, error, again } = usePolled(ask, [id], { isLive: source.isLive });
  const now = useMemo(() => answer?.now ?? 0, [answer?.next, answer && Math.floor(answer.now / 30)]);
  return { table: answer?.next ?? null, now, trouble: answer?.trouble ?? null, error, again };
}

/**
 * The model, asked for again once a few per cent more runs have ended.
 * @param {import("../source/types.js").Source} source
 * @param {import("../data/table.js").Table | null} table
 */
function useModel(source, table) {
  const nEnded = table ? table.runs.filter((run) => run.ended_at !== null && run.ended_at !== undefined).length : 0;
  const step = nEnded < 20 ? nEnded : Math.floor(Math.log(nEnded) / Math.log(1.05));
  const id = table?.sweep.id ?? "";
  const [state, setState] = useState(
    /** @type {{model: any, modelError: Error | null}} */ ({ model: null, modelError: null }),
  );
  useEffect(() => {
    if (!id || !table?.sweep.metric) return undefined;
    let isGone = false;
    source.model(id).then(
      (model) => !isGone && setState({ model, modelError: null }),
      (modelError) => !isGone && setState((last) => ({ ...last, modelError })),
    );
    return () => {
      isGone = true;
    };
  }, [id, step]);
  return state;
}

/** @param {import("../data/space.js").Scale[]} scales @param {import("../source/types.js").ModelDocument | null} model */
function byImportance(scales, model) {
  const weight = new Map((model?.importance ?? []).map(({ name, importance }) => [name, importance]));
  return [...scales].sort((a, b) => (weight.get(b.name) ?? 0) - (weight.get(a.name) ?? 0));
}
