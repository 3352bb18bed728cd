// Starts the page on the data that there is: of the report that holds it, or of the server.

import { html, render } from "./vendor/preact-htm.js";
import { App } from "./app.js";
import { start } from "./router.js";
import { connect } from "./source/live.js";
import { embeddedSource, unpack } from "./source/embedded.js";
import { applyTheme } from "./theme.js";

async function main() {
  applyTheme();
  const place = /** @type {HTMLElement} */ (document.getElementById("app"));
  const packed = document.getElementById("sweep-data")?.textContent;
  try {
    const source = packed ? embeddedSource(await unpack(packed)) : await connect();
    start(document.body.dataset.start);
    place.textContent = "";
    render(html`<${App} source=${source} />`, place);
  } catch (error) {
    place.textContent = error instanceof Error ? error.message : String(error);
  }
}

main();
