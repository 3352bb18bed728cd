// How well the search knows the problem: forecasts, its next suggestion, and what stopping early does.

import { html, useMemo } from "../vendor/preact-htm.js";
import { Card, Copy, Empty, Failure, Waiting } from "../parts/boxes.js";
import { Chart } from "../charts/chart.js";
import { bandChart } from "../charts/bands.js";
import { forecastChart } from "../charts/forecast.js";
import { asArguments, count, number, percent, value } from "../data/format.js";
import { bestRun, sign } from "../data/values.js";
import { useAsked } from "../polling.js";
import { openRun } from "./overview.js";

const FEWEST = 10;

/** @param {import("./sweep.js").Scene} scene */
export function ModelView(scene) {
  const { table, model, modelError } = scene;
  if (!table.sweep.metric) return html`<${Empty}>The sweep has no metric, so there is nothing to model.<//>`;
  if (!model && modelError) return html`<${Failure} error=${modelError} />`;
  if (!model) return html`<${Waiting} what="Working the model out…" height=${240} />`;
  return html`<div class="cards two"><${Forecasts} ...${scene} /><${Suggested} ...${scene} /></div>
    <${Bands} ...${scene} />`;
}

/** @param {import("./sweep.js").Scene} scene */
function Forecasts({ table, model, look }) {
  const { sweep } = table;
  const forecasts = model?.forecasts ?? [];
  const coverage = model?.coverage ?? null;
  const scale = coverage?.scale ?? 1;
  const option = useMemo(() => forecastChart(sweep, forecasts, scale, look), [sweep, model, look]);
  if (!option) {
    const why =
      sweep.method === "bayes"
        ? "No run was chosen by the model yet: the first ones spread out."
        : `The method ${sweep.method} expects nothing of its runs, so there is nothing to compare.`;
    return html`<${Card} title="Forecast and outcome"><${Empty}>${why}<//><//>`;
  }
  return html`<${Card} title="Forecast and outcome" note=${coverageText(coverage)}>
    <${Chart}
      height=${340}
      option=${option}
      on=${{ click: (/** @type {any} */ event) => openRun(sweep.id, event) }}
      label=${`What was expected of ${count(forecasts.length, "run")}, and what came. ${coverageText(coverage)}`}
    />
  <//>`;
}

/** @param {import("../source/types.js").ModelDocument["coverage"]} coverage */
export function coverageText(coverage) {
  if (!coverage || coverage.n < FEWEST)
    return `There are fewer than ${FEWEST} outcomes, too few to judge the forecasts.`;
  const raw = `${percent(coverage.inside)} of ${count(coverage.n, "outcome")} lie inside the interval that the search believed to hold 95 %.`;
  return coverage.scale
    ? `${raw} The band is drawn ${number(coverage.scale, 3)} times as wide, which is what this sweep's own record calls for.`
    : raw;
}

/** @param {import("./sweep.js").Scene} scene */
function Suggested({ source, table, model, scales, ask }) {
  const { sweep, runs } = table;
  const suggested = model?.suggested;
  if (!suggested)
    return html`<${Card} title="What the model would try next"
      ><${Empty}>${model?.reason_missing || "There is no suggestion yet."}<//><//
    >`;
  const best = bestRun(runs, sweep);
  const names = scales.map((scale) => scale.name);
  const flat = flattened(suggested.config);
  const isBetter = best !== null && sign(sweep) * (suggested.mean - Number(best.best)) < 0;
  const queue = () =>
    ask({
      title: "Queue this configuration?",
      text: `The next agent that asks for a run of this sweep gets this configuration, before anything that ${sweep.method} would choose.`,
      button: "Queue it",
      request: { action: "add", sweep: sweep.id, config: suggested.config },
    });
  return html`<${Card}
    title="What the model would try next"
    note=${best === null ? null : isBetter ? `The best value so far is ${number(Number(best.best), 4)}.` : `The best value so far, ${number(Number(best.best), 4)}, is as good as what is expected here.`}
  >
    <p class="big">
      ${number(suggested.mean, 4)}${" "}<small>expected, between ${number(suggested.low, 4)} and ${number(suggested.high, 4)}</small>
    </p>
    <dl class="pairs mono spaced">
      ${[...names, ...Object.keys(flat).filter((name) => !names.includes(name))]
        .filter((name) => name in flat)
        .map(
          (name) =>
            html`<dt title=${name}>${name}</dt>
              <dd>
                ${value(flat[name])}${best && JSON.stringify(best.config[name]) !== JSON.stringify(flat[name]) ? html` <span class="note">best run: ${value(best.config[name])}</span>` : null}
              </dd>`,
        )}
    </dl>
    <div class="buttons">
      ${source.canAct ? html`<button class="primary" onClick=${queue}>Queue this configuration…</button>` : null}<${Copy}
        label="Copy as arguments"
        text=${asArguments(flat)}
      />
    </div>
  <//>`;
}

/** @param {Record<string, any>} config @param {string} [prefix] @returns {Record<string, unknown>} */
export function flattened(config, prefix = "") {
  return Object.assign(
    {},
    ...Object.entries(config).map(([name, item]) => {
      const isMap =
        item !== null &&
        typeof item === "object" &&
        !Array.isArray(item) &&
        !("$number" in item) &&
        Object.keys(item).length > 0;
      return isMap ? flattened(item, `${prefix}${name}.`) : { [`${prefix}${name}`]: item };
    }),
  );
}

/** @param {import("./sweep.js").Scene} scene */
function Bands({ source, table, look }) {
  const { sweep } = table;
  const { answer, error, again } = useAsked(() => source.bands(sweep.id), [sweep.id]);
  const isOn = Boolean(sweep.config?.early_terminate);
  const charts = useMemo(
    () => (answer?.bands ?? []).map((band) => ({ band, option: bandChart(sweep, band, look) })),
    [answer, look],
  );
  const title = isOn ? "Does stopping early do harm?" : "Would stopping early do harm?";
  if (error) return html`<${Card} title=${title} wide=${true}><${Failure} error=${error} again=${again} /><//>`;
  if (!answer)
    return html`<${Card} title=${title} wide=${true}><${Waiting} what="Comparing early and final values…" /><//>`;
  if (charts.length === 0)
    return html`<${Card} title=${title} wide=${true}><${Empty}>There are too few runs with a history to say.<//><//>`;
  return html`<${Card}
    title=${title}
    wide=${true}
    note="A run that early termination stopped has no final value of its own: its last one is shown. A high rank correlation means that the order at the band is already the order in the end."
  >
    <p>${savedText(answer, isOn)}</p>
    <div class="cards">
      ${charts.map(
        ({ band, option }) =>
          html`<div>
            <h3>After ${count(band.step, "value")}</h3>
            <p class="note">
              ${band.rank_correlation === null ? "" : `Rank correlation with the end ${band.rank_correlation.toFixed(2)}. `}${band.best_kept === null ? "" : `${percent(band.best_kept)} of the ten best in the end ${isOn ? "are" : "would be"} kept. `}${isOn ? `${count(band.kept, "run")} went on, ${count(band.stopped, "run")} stopped.` : ""}
            </p>
            ${option ? html`<${Chart} height=${260} option=${option} on=${{ click: (/** @type {any} */ event) => openRun(sweep.id, event) }} label=${`Values after ${band.step} values against final values`} />` : html`<${Empty}>No run has both values.<//>`}
          </div>`,
      )}
    </div>
  <//>`;
}

/** @param {import("../source/types.js").BandsDocument} bands @param {boolean} isOn */
function savedText({ steps_run: run, steps_saved: saved }, isOn) {
  if (!run || saved === null) return "";
  if (isOn)
    return `${percent(saved / (run + saved))} of the steps were saved: ${number(saved)} of ${number(run + saved)}.`;
  return saved > 0
    ? `With 'early_terminate: {type: hyperband}', about ${percent(saved / (run + saved))} of the steps would have been saved.`
    : "Nothing is stopped early in this sweep; these are the values at 10, 30 and 90 % of the longest run.";
}
