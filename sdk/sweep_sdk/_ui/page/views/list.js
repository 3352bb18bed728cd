// All sweeps: what they are, how far they are, and what came out.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { Empty, Failure, Waiting } from "../parts/boxes.js";
import { StateBar, SweepState } from "../parts/marks.js";
import { ago, count, number } from "../data/format.js";
import { planned } from "../data/facts.js";
import { hashOf, navigate, setQuery } from "../router.js";
import { useAsked, usePolled } from "../polling.js";

/** @typedef {import("../source/types.js").Sweep} Sweep */

const PER_PAGE = 50;

/** @param {{source: import("../source/types.js").Source, route: import("../router.js").Route}} props */
export function ListView({ source, route }) {
  const { answer, error, again } = usePolled(() => source.sweeps(), [], { isLive: source.isLive, seconds: 10 });
  const [ticked, setTicked] = useState(/** @type {string[]} */ ([]));
  const text = route.query.filter ?? "";
  const page = Number(route.query.page ?? "0") || 0;
  const found = useMemo(() => matching(answer?.items ?? [], text), [answer, text]);
  const shown = found.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
  const ids = shown.filter((sweep) => !sweep.final).map((sweep) => sweep.id);
  const glances =
    useAsked(() => (ids.length ? source.glances(ids) : Promise.resolve({})), [ids.join(","), answer?.now]).answer ?? {};
  const known = useKept(glances);
  if (error && !answer) return html`<${Failure} error=${error} again=${again} />`;
  if (!answer) return html`<${Waiting} what="Reading the sweeps…" height=${240} />`;
  if (answer.items.length === 0) {
    return html`<${Empty} hint=${html`Register one with <code>sweep-sdk sweep sweep.yaml</code>, and it appears here.`}
      >There are no sweeps yet.<//
    >`;
  }
  const tick = (/** @type {string} */ id) =>
    setTicked(ticked.includes(id) ? ticked.filter((other) => other !== id) : [...ticked, id]);
  const move = (/** @type {number} */ to) => setQuery({ page: to ? String(to) : "" });
  return html`
    <div class="headline">
      <h1>Sweeps</h1>
      <input
        type="search"
        placeholder="Filter by id, name, project, state"
        aria-label="Filter the sweeps"
        value=${text}
        onInput=${(/** @type {any} */ event) => setQuery({ filter: event.target.value, page: "" })}
      />
      <div class="grow"></div>
      <a
        class=${`button${ticked.length < 2 ? " disabled" : " primary"}`}
        aria-disabled=${ticked.length < 2}
        title=${ticked.length < 2 ? "Tick two or more sweeps first" : "Compare the ticked sweeps"}
        href=${ticked.length < 2 ? undefined : hashOf({ view: "compare", query: { ids: ticked.join(",") } })}
      >
        Compare${ticked.length ? ` ${ticked.length}` : ""}</a
      >
    </div>
    ${error ? html`<${Failure} error=${error} again=${again} />` : null}
    <div class="card flush scroll">
      <table class="sweeps">
        <thead>
          <tr>
            <th><span class="sr">Compare</span></th>
            <th>Sweep</th>
            <th>State</th>
            <th class="runs">Runs</th>
            <th class="num">Best</th>
            <th>Method</th>
            <th>Project</th>
            <th class="num">Created</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map((sweep) => html`<${Row} key=${sweep.id} sweep=${sweep} glance=${finalGlance(sweep) ?? known[sweep.id]} now=${answer.now} isTicked=${ticked.includes(sweep.id)} onTick=${() => tick(sweep.id)} />`)}
        </tbody>
      </table>
    </div>
    ${found.length === 0 ? html`<${Empty}>No sweep matches “${text}”.<//>` : null}
    ${
      found.length > PER_PAGE
        ? html`<nav class="pager" aria-label="Pages">
            <button disabled=${page === 0} onClick=${() => move(page - 1)}>Newer</button>
            <span
              >${page * PER_PAGE + 1}–${Math.min(found.length, (page + 1) * PER_PAGE)} of ${count(found.length, "sweep")}</span
            >
            <button disabled=${(page + 1) * PER_PAGE >= found.length} onClick=${() => move(page + 1)}>Older</button>
          </nav>`
        : null
    }
  `;
}

/** What an ended sweep came to is in the list itself. */
/** @param {Sweep} sweep @returns {import("../source/types.js").Glance | null} */
function finalGlance({ state, final }) {
  if (!final) return null;
  const { counts, best } = final;
  return { state, counts, best: best && { id: best.id, index: best.index, best: best.value } };
}

/** Glances stay on the screen while newer ones are on their way. */
/** @param {Record<string, import("../source/types.js").Glance>} glances */
function useKept(glances) {
  const [kept] = useState(/** @type {Record<string, import("../source/types.js").Glance>} */ ({}));
  return Object.assign(kept, glances);
}

/** @param {Sweep[]} sweeps @param {string} text */
function matching(sweeps, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return sweeps;
  return sweeps.filter((sweep) => {
    const all = [
      sweep.id,
      sweep.name,
      sweep.project,
      sweep.state,
      sweep.method,
      sweep.metric?.name,
      ...(sweep.tags ?? []),
    ];
    const hay = all.filter(Boolean).join(" ").toLowerCase();
    return words.every((word) => hay.includes(word));
  });
}

/** @param {{sweep: Sweep, glance: import("../source/types.js").Glance | undefined, now: number, isTicked: boolean, onTick: () => void}} props */
function Row({ sweep, glance, now, isTicked, onTick }) {
  const href = hashOf({ view: "sweep", sweep: sweep.id });
  const total = planned(sweep);
  const n = sweep.n_handed_out;
  const open = (/** @type {any} */ event) => {
    if (!event.target.closest("a, input, label")) navigate(href);
  };
  return html`<tr class="link" onClick=${open}>
    <td class="tick">
      <label
        ><input type="checkbox" checked=${isTicked} onChange=${onTick} aria-label=${`Compare sweep ${sweep.id}`}
      /></label>
    </td>
    <td>
      <a href=${href}><strong>${sweep.name || sweep.id}</strong></a
      >${sweep.name ? html`<span class="sub mono">${sweep.id}</span>` : null}
    </td>
    <td><${SweepState} state=${sweep.state} /></td>
    <td class="runs">
      <${StateBar} counts=${glance?.counts ?? {}} total=${total} /><span class="sub"
        >${total ? `${n.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}` : count(n, "run")}</span
      >
    </td>
    <td class="num">
      ${glance?.best ? number(Number(glance.best.best), 4) : "–"}${sweep.metric ? html`<span class="sub">${sweep.metric.name}</span>` : null}
    </td>
    <td>${sweep.method}</td>
    <td>${sweep.project ?? "–"}</td>
    <td class="num" title=${new Date(sweep.created_at * 1000).toString()}>${ago(sweep.created_at, now)}</td>
  </tr>`;
}
