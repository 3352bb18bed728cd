// Names, tags and notes, which people write and the search does not read.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { Card } from "./boxes.js";

/**
 * @param {object} props
 * @param {{name?: string | null, tags?: string[] | null, notes?: string | null}} props.labels
 * @param {Record<string, unknown>} props.request    names the sweep, and the run if it is one
 * @param {import("../source/types.js").Source} props.source
 * @param {() => void} props.onSaved
 */
export function Labels({ labels, request, source, onSaved }) {
  const stored = { name: labels.name ?? "", tags: (labels.tags ?? []).join(", "), notes: labels.notes ?? "" };
  const [draft, setDraft] = useState(stored);
  const [problem, setProblem] = useState("");
  const key = JSON.stringify(stored);
  useEffect(() => setDraft(stored), [key]);
  const isChanged = JSON.stringify(draft) !== key;
  const save = async () => {
    const tags = draft.tags.split(",").map((tag) => tag.trim()).filter(Boolean); // prettier-ignore
    try {
      await source.act({
        ...request,
        action: "label",
        labels: { name: draft.name || null, tags, notes: draft.notes || null },
      });
      setProblem("");
      onSaved();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const set = (/** @type {"name" | "tags" | "notes"} */ field) => (/** @type {any} */ event) =>
    setDraft({ ...draft, [field]: event.target.value });
  return html`<${Card} title="Name, tags and notes">
    <div class="form">
      <label>Name<input value=${draft.name} maxlength="200" onInput=${set("name")} /></label>
      <label>Tags<input value=${draft.tags} placeholder="separated by commas" onInput=${set("tags")} /></label>
      <label>Notes<textarea rows="3" value=${draft.notes} onInput=${set("notes")}></textarea></label>
      ${problem ? html`<p class="failure" role="alert">${problem}</p>` : null}
      <div class="buttons"><button class="primary" disabled=${!isChanged} onClick=${save}>Save</button><button disabled=${!isChanged} onClick=${() => setDraft(stored)}>Undo</button></div>
    </div>
  <//>`;
}
