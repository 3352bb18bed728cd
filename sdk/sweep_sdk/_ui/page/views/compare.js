import { html } from "../vendor/preact-htm.js";
import { Empty } from "../parts/boxes.js";

/** @param {any} scene */
export function CompareView(scene) {
  return html`<${Empty}>Not here yet (${Object.keys(scene).length}).<//>`;
}
