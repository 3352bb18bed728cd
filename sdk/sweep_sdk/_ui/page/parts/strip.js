// The strip on top of a sweep: how good, how far, who is at work, what went wrong.

import { html } from "../vendor/preact-htm.js";
import { Copy } from "./boxes.js";
import { StateBar, StateCounts } from "./marks.js";
import { asArguments, asYaml, count, duration, number, value } from "../data/format.js";
import { factsOf } from "../data/facts.js";
import { shownState } from "../data/states.js";
import { bestRun, countsBy } from "../data/values.js";
import { hashOf, setQuery } from "../router.js";

const MOST_VALUES = 8;

/** @param {import("../views/sweep.js").Scene} scene */
export function Strip({ table, scales, now }) {
  const { sweep, runs } = table;
  const facts = factsOf(table, now);
  const best = bestRun(runs, sweep);
  const counts = countsBy(runs, shownState);
  const nFailed = (counts.failed ?? 0) + (counts.crashed ?? 0);
  return html`<section class="strip" aria-label="Summary">
    <div class="stat best">
      <h2>Best ${sweep.metric?.name ?? ""}</h2>
      ${
        best
          ? html`<${Best} best=${best} sweep=${sweep} scales=${scales} />`
          : html`<p class="big">–</p>
              <p class="note">
                ${sweep.metric ? "No run has a value yet." : "The sweep has no metric, so no run is the best."}
              </p>`
      }
    </div>
    <div class="stat">
      <h2>Progress</h2>
      <p class="big">
        ${facts.nEnded.toLocaleString("en-US")}${facts.nPlanned ? html` <small>of ${facts.nPlanned.toLocaleString("en-US")} runs</small>` : html` <small>${facts.nEnded === 1 ? "run" : "runs"} ended</small>`}
      </p>
      <${StateBar} counts=${counts} total=${facts.nPlanned} />
      <${StateCounts}
        counts=${counts}
        onPick=${(/** @type {string} */ state) => setQuery({ filter: `state=${state}` })}
      />
    </div>
    <div class="stat">
      <h2>Pace</h2>
      <p class="big">
        ${facts.secondsLeft !== null && facts.secondsLeft > 0 ? html`${duration(facts.secondsLeft)} <small>to go</small>` : facts.secondsPerRun !== null ? html`${duration(facts.secondsPerRun)} <small>a run</small>` : "–"}
      </p>
      <dl class="pairs">
        ${
          facts.secondsLeft !== null && facts.secondsLeft > 0 && facts.secondsPerRun !== null
            ? html`<dt>A run takes</dt>
                <dd>${duration(facts.secondsPerRun)}</dd>`
            : null
        }
        <dt>Runs an hour</dt>
        <dd>${facts.runsPerHour === null ? "–" : number(facts.runsPerHour, 3)}</dd>
        <dt>Running now</dt>
        <dd>${facts.nAtWork || "none"}</dd>
        <dt>Failed</dt>
        <dd>${nFailed || "none"}</dd>
      </dl>
    </div>
    <div class="stat">
      <h2>Worth continuing?</h2>
      ${worth(facts)}
    </div>
  </section>`;
}

/** @param {{best: import("../data/table.js").Run, sweep: import("../source/types.js").Sweep, scales: import("../data/space.js").Scale[]}} props */
function Best({ best, sweep, scales }) {
  const names = scales.length ? scales.map((scale) => scale.name) : Object.keys(best.config);
  const shown = names.filter((name) => name in best.config);
  return html`<p class="big">
      ${number(Number(best.best), 5)}${" "}<small>in <a href=${hashOf({ view: "run", sweep: sweep.id, index: best.index })}>run ${best.index}</a></small>
    </p>
    <dl class="pairs mono">
      ${shown.slice(0, MOST_VALUES).map(
        (name) =>
          html`<dt title=${name}>${name}</dt>
            <dd title=${value(best.config[name], 8)}>${value(best.config[name])}</dd>`,
      )}
    </dl>
    ${shown.length > MOST_VALUES ? html`<p class="note">and ${count(shown.length - MOST_VALUES, "more value")}</p>` : null}
    <div class="buttons">
      <${Copy} label="Copy as arguments" text=${asArguments(best.config)} /><${Copy}
        label="Copy as YAML"
        text=${asYaml(best.config)}
      />
    </div>`;
}

/** Facts, no forecast. */
/** @param {import("../data/facts.js").Facts} facts */
function worth(facts) {
  if (facts.bestAge === null) return html`<p class="note">There is nothing to compare yet.</p>`;
  return html`<p class="big">
      ${facts.recentImprovements} <small>of the last ${count(facts.nRecent, "run")} improved</small>
    </p>
    <dl class="pairs">
      <dt>The best one is</dt>
      <dd>${facts.bestAge === 0 ? "the newest" : `${count(facts.bestAge, "run")} old`}</dd>
      ${
        facts.secondsPerRun
          ? html`<dt>Ten more runs take</dt>
              <dd>
                ${facts.runsPerHour ? duration((10 / facts.runsPerHour) * 3600) : duration(facts.secondsPerRun * 10)}
              </dd>`
          : null
      }
    </dl>`;
}
