// One run: what it was given, why, how it went, what it wrote.

import { html, useEffect, useMemo } from "../vendor/preact-htm.js";
import { Card, Copy, Empty, Failure, Select, Waiting } from "../parts/boxes.js";
import { Labels } from "../parts/labels.js";
import { RunState } from "../parts/marks.js";
import { Chart } from "../charts/chart.js";
import { curvesChart } from "../charts/curves.js";
import { ago, asArguments, asYaml, clock, duration, number, percent, value } from "../data/format.js";
import { isAtWork, isFailure, shownState } from "../data/states.js";
import { bestRun, goodness, secondsTaken, valueOf } from "../data/values.js";
import { hashOf, navigate, setQuery } from "../router.js";
import { useAsked, usePolled } from "../polling.js";
import { runQuestions } from "./actions.js";
import { metricNames } from "./curves.js";

const POINTS = 500;

/** @param {import("./sweep.js").Scene} scene */
export function RunView(scene) {
  const { source, route, table, now, ask } = scene;
  const { sweep } = table;
  const run = table.runs.find((other) => other.index === route.index);
  const inFull = useAsked(() => source.run(sweep.id, route.index), [sweep.id, route.index, run]);
  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open], .help"))
        navigate(hashOf({ view: "sweep", sweep: sweep.id }));
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [sweep.id]);
  if (!run)
    return html`<${Empty} hint=${html`<a href=${hashOf({ view: "sweep", sweep: sweep.id })}>All runs of the sweep</a>`}
      >Sweep ${sweep.id} has no run ${route.index}.<//
    >`;
  const best = bestRun(table.runs, sweep);
  const questions = source.canAct ? runQuestions(sweep, run) : [];
  return html`
    <div class="headline">
      <h1>Run ${run.index}${run.name ? html` <small>${run.name}</small>` : null}</h1>
      <${RunState} state=${shownState(run)} />
      ${(run.tags ?? []).map((tag) => html`<span class="tag">${tag}</span>`)}
      <div class="grow"></div>
      <${Neighbours} table=${table} index=${run.index} />
      ${questions.map((question) => html`<button onClick=${() => ask(question)}>${question.short}…</button>`)}
    </div>
    <${Facts} ...${scene} run=${run} best=${best} full=${inFull.answer} />
    <${RunCurve} ...${scene} run=${run} />
    <div class="cards two">
      <${Configuration} run=${run} best=${best} /><${Attempts} run=${run} full=${inFull.answer} now=${now} />
    </div>
    <${Output} run=${run} asked=${inFull} /><${Metrics} run=${run} />
    ${source.canAct ? html`<${Labels} labels=${run} request=${{ sweep: sweep.id, run: run.index }} source=${source} onSaved=${scene.refresh} />` : run.notes ? html`<${Card} title="Notes"><p class="wrap">${run.notes}</p><//>` : null}
  `;
}

/** @param {{table: import("../data/table.js").Table, index: number}} props */
function Neighbours({ table, index }) {
  const place = table.runs.findIndex((run) => run.index === index);
  const link = (/** @type {number} */ to, /** @type {string} */ label, /** @type {string} */ title) => {
    const run = table.runs[to];
    return run
      ? html`<a
          class="button"
          title=${title}
          aria-label=${title}
          href=${hashOf({ view: "run", sweep: table.sweep.id, index: run.index })}
          >${label}</a
        >`
      : html`<span class="button disabled" aria-hidden="true">${label}</span>`;
  };
  return html`<div class="buttons">
    ${link(place - 1, "←", "Previous run")}${link(place + 1, "→", "Next run")}
  </div>`;
}

/** @param {import("./sweep.js").Scene & {run: import("../data/table.js").Run, best: import("../data/table.js").Run | null, full: any}} props */
function Facts({ table, run, best, full, now }) {
  const { sweep } = table;
  const metric = valueOf(run, sweep);
  const share = useMemo(() => goodness(table.runs, sweep).get(run.index), [table, run]);
  const why = run.suggestion;
  return html`<section class="strip" aria-label="Summary">
    <div class="stat">
      <h2>${sweep.metric?.name ?? "Metric"}</h2>
      <p class="big">${metric === null ? "–" : number(metric, 5)}</p>
      ${best === null ? null : html`<p class="note">${best.index === run.index ? "This is the best run." : html`The best is ${number(Number(best.best), 5)} in <a href=${hashOf({ view: "run", sweep: sweep.id, index: best.index })}>run ${best.index}</a>.${share === undefined ? "" : ` ${percent(share)} of the runs are worse.`}`}</p>`}
    </div>
    <div class="stat">
      <h2>Time</h2>
      <p class="big">${duration(secondsTaken(run, now))}</p>
      <dl class="pairs">
        <dt>Started</dt>
        <dd>${clock(run.started_at, now)}</dd>
        <dt>${run.ended_at ? "Ended" : "Last heard"}</dt>
        <dd>${run.ended_at ? clock(run.ended_at, now) : ago(run.heard_at, now)}</dd>
        ${
          typeof run.step === "number"
            ? html`<dt>Step</dt>
                <dd>${number(run.step)}</dd>`
            : null
        }
      </dl>
    </div>
    <div class="stat">
      <h2>Where</h2>
      <p class="agent mono">${run.agent ?? "–"}</p>
      <dl class="pairs">
        <dt>Host</dt>
        <dd>${run.host || "–"}</dd>
        <dt>Attempt</dt>
        <dd>${run.attempt}</dd>
        <dt>Exit code</dt>
        <dd>${run.exit_code ?? (run.signal ? `signal ${run.signal}` : "–")}</dd>
      </dl>
      ${full?.log ? html`<p class="note">Output: <span class="mono wrap">${full.log}</span></p>` : null}
    </div>
    <div class="stat">
      <h2>Why this configuration</h2>
      ${whyText(why, metric, sweep)}
    </div>
  </section>`;
}

/** @param {any} why @param {number | null} metric @param {import("../source/types.js").Sweep} sweep */
function whyText(why, metric, sweep) {
  if (!why || Object.keys(why).length === 0)
    return html`<p>
      ${sweep.method === "grid" ? "The next point of the grid." : sweep.method === "random" ? "Drawn at random." : "Added by hand or by a start point."}
    </p>`;
  return html`<p>
      ${why.start !== undefined ? `Start point ${value(why.start)} of the sweep file` : String(why.reason ?? "")}
    </p>
    <dl class="pairs">
      ${
        typeof why.mean === "number" && typeof why.std === "number"
          ? html`<dt>Expected</dt>
              <dd>${number(why.mean)} ± ${number(why.std, 2)}</dd>
              <dt>Result</dt>
              <dd>${metric === null ? "not yet" : number(metric)}</dd>`
          : null
      }
      ${
        typeof why.expected_improvement === "number"
          ? html`<dt>Expected improvement</dt>
              <dd>${number(why.expected_improvement, 2)}</dd>`
          : null
      }
      ${
        typeof why.observations === "number"
          ? html`<dt>Values known at the time</dt>
              <dd>${number(why.observations)}</dd>`
          : null
      }
    </dl>`;
}

/** @param {import("./sweep.js").Scene & {run: import("../data/table.js").Run}} props */
function RunCurve({ source, route, table, run, look }) {
  const { sweep } = table;
  const metrics = useMemo(
    () =>
      metricNames({ ...table, runs: [run], metrics: [...new Set([...Object.keys(run.summary), ...table.metrics])] }),
    [table, run],
  );
  const metric = metrics.includes(route.query.metric) ? route.query.metric : (metrics[0] ?? "");
  const { answer, error, again } = usePolled(
    () => (metric ? source.curves(sweep.id, metric, [run.index], POINTS) : Promise.resolve({ runs: [] })),
    [sweep.id, run.index, metric, run.ended_at],
    { isLive: source.isLive && isAtWork(run.state) },
  );
  const options = /** @type {import("../charts/curves.js").CurveOptions} */ ({
    metric,
    x: "step",
    smoothing: 0,
    isLogX: false,
    isLogY: false,
  });
  const chart = useMemo(
    () =>
      answer ? curvesChart(answer.runs, new Map([[run.index, look.isDark ? 0.7 : 0.6]]), options, [], look) : null,
    [answer, look, metric],
  );
  return html`<${Card}
    wide=${true}
    title="Curve"
    tools=${metrics.length > 1 ? html`<${Select} label="Metric" value=${metric} options=${metrics} onChange=${(/** @type {string} */ v) => setQuery({ metric: v === metrics[0] ? "" : v })} />` : null}
  >
    ${error && !answer ? html`<${Failure} error=${error} again=${again} />` : !answer ? html`<${Waiting} height=${260} />` : chart ? html`<${Chart} height=${260} option=${chart.option} label=${`${metric} of run ${run.index} over its steps`} />` : html`<${Empty}>${metric ? `The run has logged no finite value of ${metric}.` : "The run has logged nothing."}<//>`}
  <//>`;
}

/** @param {{run: import("../data/table.js").Run, best: import("../data/table.js").Run | null}} props */
function Configuration({ run, best }) {
  const names = Object.keys(run.config);
  const other = best && best.index !== run.index ? best : null;
  const isOther = (/** @type {string} */ name) =>
    other !== null && JSON.stringify(other.config[name]) !== JSON.stringify(run.config[name]);
  return html`<${Card}
    title="Configuration"
    tools=${html`<${Copy} label="Copy as arguments" text=${asArguments(run.config)} /><${Copy} label="Copy as YAML" text=${asYaml(run.config)} />`}
    note=${other ? `Values that differ from those of run ${other.index}, the best one, are marked.` : null}
  >
    <div class="scroll">
      <table class="config">
        <thead>
          <tr>
            <th>Parameter</th>
            <th class="num">This run</th>
            ${other ? html`<th class="num">Best run</th>` : null}
          </tr>
        </thead>
        <tbody>
          ${names.map(
            (name) =>
              html`<tr>
                <td class="mono">${name}</td>
                <td class=${`num mono${isOther(name) ? " diff" : ""}`}>
                  ${isOther(name) ? html`<span class="sr">differs: </span>` : null}${value(run.config[name], 6)}
                </td>
                ${other ? html`<td class="num mono">${value(other.config[name], 6)}</td>` : null}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}

/** @param {{run: import("../data/table.js").Run, full: any, now: number}} props */
function Attempts({ run, full, now }) {
  const earlier = full?.attempts ?? run.attempts ?? [];
  const last = {
    attempt: run.attempt,
    state: shownState(run),
    agent: run.agent,
    started_at: /** @type {any} */ (run).attempt_started_at ?? run.started_at,
    ended_at: run.ended_at,
    exit_code: run.exit_code,
    signal: run.signal,
  };
  return html`<${Card} title="Attempts">
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Attempt</th>
            <th>State</th>
            <th>Agent</th>
            <th class="num">Started</th>
            <th class="num">Time</th>
            <th class="num">Exit</th>
          </tr>
        </thead>
        <tbody>
          ${[...earlier, last].map(
            (attempt) =>
              html`<tr>
                <td>${attempt.attempt}</td>
                <td><${RunState} state=${attempt.state} /></td>
                <td>${attempt.agent ?? "–"}</td>
                <td class="num">${clock(attempt.started_at, now)}</td>
                <td class="num">
                  ${typeof attempt.ended_at === "number" && typeof attempt.started_at === "number" ? duration(attempt.ended_at - attempt.started_at) : "–"}
                </td>
                <td class="num">${attempt.exit_code ?? (attempt.signal ? `signal ${attempt.signal}` : "–")}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${run.early_stop ? html`<p class="note">Early termination stopped it: ${number(Number(run.early_stop.value))} at band ${number(run.early_stop.band)}, where ${number(Number(run.early_stop.threshold))} was needed.</p>` : null}
  <//>`;
}

/** @param {{run: import("../data/table.js").Run, asked: {answer: any, error: Error | null}}} props */
function Output({ run, asked }) {
  const tail = asked.answer?.error_tail;
  if (!tail && !isFailure(run.state)) return null;
  return html`<${Card} wide=${true} title="Last lines of stderr"
    >${tail ? html`<pre tabindex="0">${tail}</pre>` : html`<${Empty}>${asked.error ? asked.error.message : asked.answer ? "It wrote nothing to stderr." : "Loading…"}<//>`}<//
  >`;
}

/** @param {{run: import("../data/table.js").Run}} props */
function Metrics({ run }) {
  const names = Object.keys(run.summary).sort();
  if (names.length === 0) return null;
  return html`<${Card} wide=${true} title="Summary"
    ><dl class="pairs columns">
      ${names.map(
        (name) =>
          html`<dt class="mono" title=${name}>${name}</dt>
            <dd title=${String(run.summary[name])}>${value(run.summary[name], 6)}</dd>`,
      )}
    </dl><//
  >`;
}
