// The sweep itself: its file, its versions, who has changed it, and what can be done to it.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { Card, Copy, Empty } from "../parts/boxes.js";
import { Labels } from "../parts/labels.js";
import { ago, value } from "../data/format.js";
import { yamlOf } from "../data/yaml.js";
import { useAsked } from "../polling.js";
import { capQuestion, sweepQuestions } from "./actions.js";

/** @param {import("./sweep.js").Scene} scene */
export function ConfigView(scene) {
  const { source, table, now, ask } = scene;
  const { sweep } = table;
  const text = useMemo(() => yamlOf(sweep.config ?? {}), [sweep.config]);
  const events = useAsked(() => source.events(sweep.id), [sweep]).answer?.items ?? [];
  return html` ${source.canAct ? html`<${Actions} table=${table} ask=${ask} />` : source.isLive ? html`<p class="note">This dashboard is read-only: nothing can be changed here.</p>` : null}
    <div class="cards two">
      <${Card}
        title="Sweep file"
        tools=${html`<${Copy} label="Copy" text=${text} />`}
        note="As the backend understands it, with every default filled in."
      >
        ${sweep.config ? html`<pre tabindex="0">${text}</pre>` : html`<${Empty}>The configuration is not known here.<//>`}
      <//>
      <div class="stack">
        ${source.canAct ? html`<${Labels} labels=${sweep} request=${{ sweep: sweep.id }} source=${source} onSaved=${scene.refresh} />` : null}
        <${Card} title="Facts"
          ><dl class="pairs">
            <dt>Id</dt>
            <dd class="mono">${sweep.id}</dd>
            <dt>Project</dt>
            <dd>${sweep.project ?? "–"}</dd>
            <dt>Method</dt>
            <dd>${sweep.method}</dd>
            <dt>Metric</dt>
            <dd>${sweep.metric ? `${sweep.metric.name}, ${sweep.metric.goal}` : "none"}</dd>
            <dt>Points of the space</dt>
            <dd>${sweep.grid_points === null ? "infinitely many" : value(sweep.grid_points)}</dd>
            <dt>Run cap</dt>
            <dd>${sweep.run_cap === null ? "none" : value(sweep.run_cap)}</dd>
            <dt>Handed out</dt>
            <dd>${value(sweep.n_handed_out)}</dd>
            <dt>Version of the file</dt>
            <dd>${value(sweep.config_version ?? null)}</dd>
            <dt>Created</dt>
            <dd>${ago(sweep.created_at, now)}</dd>
          </dl><//
        >
        ${
          source.isLive
            ? html`<${Card} title="Who has changed it"
                >${
                  events.length
                    ? html`<ul class="events">
                        ${events.map((/** @type {any} */ event) => html`<li><span>${String(event.action)}</span><span class="note">${String(event.who)}, ${ago(event.at, now)}</span></li>`)}
                      </ul>`
                    : html`<${Empty}>Nobody has changed it.<//>`
                }<//
              >`
            : null
        }
      </div>
    </div>`;
}

/** @param {{table: import("../data/table.js").Table, ask: (question: import("../parts/dialog.js").Question) => void}} props */
function Actions({ table, ask }) {
  const { sweep } = table;
  const [cap, setCap] = useState(sweep.run_cap === null ? "" : String(sweep.run_cap));
  const number = cap.trim() === "" ? null : Number(cap);
  const isValid = number === null || (Number.isInteger(number) && number >= 1);
  return html`<${Card} title="Actions" wide=${true}
    ><div class="actions">
      ${sweepQuestions(table).map(
        (question) =>
          html`<div class="action">
            <button class=${question.isDanger ? "danger" : ""} onClick=${() => ask(question)}>
              ${question.short}…
            </button>
            <p>${question.text}</p>
          </div>`,
      )}
      <div class="action">
        <span class="buttons"
          ><input
            type="number"
            min="1"
            step="1"
            inputmode="numeric"
            aria-label="Run cap"
            placeholder="no cap"
            value=${cap}
            onInput=${(/** @type {any} */ event) => setCap(event.target.value)}
          />
          <button disabled=${!isValid || number === sweep.run_cap} onClick=${() => ask(capQuestion(sweep, number))}>
            Set
          </button></span
        >
        <p>${isValid ? capQuestion(sweep, number).text : "The run cap is a whole number of at least 1, or nothing."}</p>
      </div>
    </div><//
  >`;
}
